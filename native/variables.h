/* The variables a launcher hands over: a superset of what src/compiler/environment.ts and the settings ask for (a test
 * compares them). The agent decides which of them matter to a compile; the rest only costs bytes. */
#ifndef HG_VARIABLES_H
#define HG_VARIABLES_H

static const char *const variable_prefixes[] = {
    "CCC_", "CC_", "CLANG_", "COLLECT_", "GCC_", "HG_", "LC_", "LD_", "LLVM_", "XDG_CACHE_HOME", "XDG_CONFIG_HOME",
};

static const char *const variable_names[] = {
    "AS_SECURE_LOG_FILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "BINUTILS_ROOT",
    "CLICOLOR",
    "CLICOLOR_FORCE",
    "COLUMNS",
    "COMPILER_PATH",
    "CPATH",
    "CPLUS_INCLUDE_PATH",
    "C_INCLUDE_PATH",
    "DEPENDENCIES_OUTPUT",
    "G++_ROOT",
    "GCONV_PATH",
    "GLIBC_TUNABLES",
    "HOME",
    "LANG",
    "LANGUAGE",
    "LIBRARY_PATH",
    "LOCPATH",
    "LPATH",
    "MACOSX_DEPLOYMENT_TARGET",
    "NLSPATH",
    "NO_COLOR",
    "OBJCPLUS_INCLUDE_PATH",
    "OBJC_DEPENDENCIES_OUTPUT",
    "OBJC_INCLUDE_PATH",
    "PATH",
    "POSIXLY_CORRECT",
    "PWD",
    "QA_OVERRIDE_GCC3_OPTIONS",
    "RC_DEBUG_OPTIONS",
    "SDKROOT",
    "SOURCE_DATE_EPOCH",
    "SUNPRO_DEPENDENCIES",
    "TERM",
    "TERM_URLS",
    "TMPDIR",
};

#endif
