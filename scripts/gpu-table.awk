# SPDX-License-Identifier: MIT
# What scripts/gpu-check has gathered, as a table: awk -f gpu-table.awk -v format=md|json|count
# results.tsv. A line is PHASE PROGRAM and what tests/check/check.h says of its results, or
# PHASE PROGRAM end STATUS BEGIN END.
BEGIN { FS = "\t" }

function key(phase, program) { return phase SUBSEP program }

$3 == "device" && device == "" {
    device = $4; driver = $5; lanes = $6; validation = $7; kind = $8
}

$3 == "case" {
    k = key($1, $2)
    if ($4 == "pass") {
        good[k]++
    } else {
        bad[k]++
        failures[++num_failures] = $2 ($1 == "check" ? "" : ", " $1) ": " $7 \
            ($5 >= 0 ? " (error " $5 " of " $6 " allowed)" : "")
    }
    if ($5 != "-1") {
        share = $5 == "inf" ? 1e30 : $6 > 0 ? $5 / $6 : $5 > 0 ? 1e30 : 0
        if (!(k in worst) || share > worst[k]) {
            worst[k] = share
            error[k] = $5
        }
    }
}

$3 == "bench" {
    if ($1 == "lavapipe") {
        beside[$2, $4] = $5
    } else {
        n = ++num_benches[$2]
        bench_name[$2, n] = $4; bench_ms[$2, n] = $5; bench_device[$2, n] = $7
        bench_flop[$2, n] = $8; bench_bytes[$2, n] = $9
        if ($4 ~ /^ceiling: / && $8 > 0)
            most_flop = rate($8, ms_of($2, n))
        else if ($4 ~ /^ceiling: /)
            most_bytes = rate($9, ms_of($2, n))
    }
}

$3 == "end" {
    k = key($1, $2)
    if (!($2 in seen)) {
        seen[$2] = 1
        programs[++num_programs] = $2
    }
    status[k] = $4
    took[k] = $6 - $5
    if ($4 == 77) {
        skipped++
    } else if ($4 != 0 || bad[k] > 0 || ($1 ~ /check|minimal|as_gpu/ && good[k] == 0)) {
        failed++
        if (bad[k] == 0)
            failures[++num_failures] = $2 ", " $1 ": " why($4)
    } else {
        passed++
    }
}

function why(code) {
    return code == "budget" ? "not run, the time was up" : \
           code == 124 || code == 137 ? "ran out of time" : \
           code == 0 ? "told of no case" : "ended with status " code
}

# How a phase of a program went: "12/12", "10/12", "-" where it was not run.
function word(phase, program,   k) {
    k = key(phase, program)
    if (!(k in status))
        return "-"
    if (status[k] == 77)
        return "skipped"
    if (status[k] != 0 && bad[k] == 0)
        return "**" why(status[k]) "**"
    return (bad[k] > 0 ? "**" : "") good[k] + 0 "/" good[k] + bad[k] (bad[k] > 0 ? "**" : "")
}

function ms_of(program, i) {
    return bench_device[program, i] > 0 ? bench_device[program, i] : bench_ms[program, i]
}

function num(x) {
    return x <= 0 ? "" : x < 0.1 ? sprintf("%.4f", x) : x < 10 ? sprintf("%.3f", x) : sprintf("%.1f", x)
}

function rate(amount, ms) { return amount > 0 && ms > 0 ? amount / ms * 1e-6 : 0 }

function short(name) { sub(/^check_/, "", name); return name }

function error_text(program,   k) {
    k = key("check", program)
    if (!(k in worst))
        return ""
    return error[k] " (" (worst[k] > 1e20 ? "over" : sprintf("%.0f %%", 100 * worst[k])) ")"
}

# How much of what the device does at most a bench does: of arithmetic or bandwidth, the larger.
function share_of_most(program, i,   ms, a, b) {
    ms = ms_of(program, i)
    a = most_flop ? rate(bench_flop[program, i], ms) / most_flop : 0
    b = most_bytes ? rate(bench_bytes[program, i], ms) / most_bytes : 0
    return a > b ? a : b
}

function percent(x) { return x > 0 ? sprintf("%.*f %%", x < 0.1, 100 * x) : "" }

function row(program, i,   ms, first) {
    first = i <= 1
    ms = i > 0 ? ms_of(program, i) : 0
    printf("| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", first ? short(program) : "",
        first ? word("check", program) : "", first ? word("minimal", program) : "",
        first ? error_text(program) : "", i ? bench_name[program, i] : "",
        num(i ? bench_ms[program, i] : 0), num(i ? bench_device[program, i] : 0),
        num(i ? rate(bench_flop[program, i], ms) : 0),
        num(i ? rate(bench_bytes[program, i], ms) : 0),
        percent(i ? share_of_most(program, i) : 0),
        num(i ? beside[program, bench_name[program, i]] : 0))
}

function markdown(   p, i, program) {
    print "# gpu-check, " date
    print ""
    printf "%s%s; driver %s; subgroups of %s; validation %s; host %s; %d s.\n", device, \
        kind == "software" ? " (no GPU: this is lavapipe, on the CPU)" : "", driver, lanes, \
        validation, host, seconds
    print ""
    print "Passed: cases that agree with the reference; plain: without any optional feature of the " \
        "device; error: the worst one, and how much of what is allowed it is. ms: best, with " \
        "submission and wait; on the device: best, by its own clock; GFLOP/s and GB/s follow it " \
        "where it is known. GB/s counts each buffer once, whatever is read again. Of most: of what " \
        "bench_ceilings gets out of the device, in arithmetic or in bandwidth, whichever is more."
    print ""
    print "| kernel | passed | plain | error (of allowed) | bench | ms | on the device | GFLOP/s | GB/s | of most | lavapipe ms |"
    print "|---|---|---|---|---|---|---|---|---|---|---|"
    for (p = 1; p <= num_programs; p++) {
        program = programs[p]
        row(program, num_benches[program] > 0 ? 1 : 0)
        for (i = 2; i <= num_benches[program]; i++)
            row(program, i)
    }
    if (num_failures > 0)
        print "\n## What failed\n"
    for (i = 1; i <= num_failures && i <= 100; i++)
        print "- " failures[i]
}

function quoted(text) {
    gsub(/\\/, "\\\\", text)
    gsub(/"/, "\\\"", text)
    gsub(/[\001-\037]/, " ", text)
    return "\"" text "\""
}

function number(x) { return x == "inf" ? "null" : x + 0 }

function json(   p, i, k, program, phases, n, j, comma) {
    n = split("check minimal as_gpu bench lavapipe", phases, " ")
    printf "{\"date\": %s, \"device\": %s, \"driver\": %s, \"kind\": %s, \"subgroup\": %d,\n", \
        quoted(date), quoted(device), quoted(driver), quoted(kind), lanes
    printf " \"validation\": %s, \"host\": %s, \"seconds\": %d, \"passed\": %d, \"failed\": %d,\n", \
        quoted(validation), quoted(host), seconds, passed, failed
    print " \"programs\": ["
    for (p = 1; p <= num_programs; p++) {
        program = programs[p]
        printf "  {\"name\": %s, \"phases\": {", quoted(program)
        comma = ""
        for (j = 1; j <= n; j++) {
            k = key(phases[j], program)
            if (!(k in status))
                continue
            printf "%s%s: {\"status\": %s, \"passed\": %d, \"failed\": %d, \"seconds\": %.2f", comma, \
                quoted(phases[j]), quoted(status[k]), good[k], bad[k], took[k]
            if (k in worst)
                printf ", \"worst_error\": %s, \"of_allowed\": %s", number(error[k]), number(worst[k])
            printf "}"
            comma = ", "
        }
        printf "}, \"benches\": ["
        for (i = 1; i <= num_benches[program]; i++) {
            printf("%s\n    {\"name\": %s, \"ms\": %s, \"device_ms\": %s, \"gflops\": %.2f, \"gbytes\": %.2f",
                i == 1 ? "" : ",", quoted(bench_name[program, i]), number(bench_ms[program, i]),
                number(bench_device[program, i]), rate(bench_flop[program, i], ms_of(program, i)),
                rate(bench_bytes[program, i], ms_of(program, i)))
            if (share_of_most(program, i) > 0)
                printf(", \"of_most\": %.4f", share_of_most(program, i))
            if ((program SUBSEP bench_name[program, i]) in beside)
                printf ", \"lavapipe_ms\": %s", number(beside[program, bench_name[program, i]])
            printf "}"
        }
        printf "]}%s\n", p < num_programs ? "," : ""
    }
    print " ],\n \"failures\": ["
    for (i = 1; i <= num_failures; i++)
        printf "  %s%s\n", quoted(failures[i]), i < num_failures ? "," : ""
    print " ]}"
}

END {
    if (format == "md")
        markdown()
    else if (format == "json")
        json()
    else
        printf "%d passed, %d failed\n", passed, failed
}
