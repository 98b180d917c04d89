/* SPDX-License-Identifier: MIT */
/* The sub-commands of `tyto`. Each gets its own name as argv[0], prints its own
 * help for --help, and returns the exit status: 0 done, 1 failed, 2 wrong usage. */
#ifndef TYTO_CLI_CMD_CMD_H
#define TYTO_CLI_CMD_CMD_H

int tyto_cmd_watch(int argc, char **argv);
int tyto_cmd_compose(int argc, char **argv);
int tyto_cmd_eval(int argc, char **argv);
int tyto_cmd_features(int argc, char **argv);
int tyto_cmd_localize(int argc, char **argv);
int tyto_cmd_label(int argc, char **argv);
int tyto_cmd_devices(int argc, char **argv);
int tyto_cmd_model(int argc, char **argv);
int tyto_cmd_model_push(int argc, char **argv);
int tyto_cmd_status(int argc, char **argv);
int tyto_cmd_train(int argc, char **argv);

#endif
