/* SPDX-License-Identifier: MIT */
#include "trainer/eval/report/report.h"

#include "files/page.h"
#include "trainer/eval/report/internal.h"
#include "trainer/eval/report/report_html.h"

enum tyto_err tyto_report_write(const char *path, const struct tyto_report *report,
                                struct tyto_fault *ret_fault)
{
    return tyto_page_write(path, report_html, report_html_bytes, tyto_report_data(report),
                           ret_fault);
}
