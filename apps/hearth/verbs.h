// The verbs, in the order of --help. One row adds one: declare it, list it, write <verb>.cc.
#pragma once

#include "hearth/context.h"

namespace hearth::cli {

void add_run(CLI::App& app, Context& context);
void add_show(CLI::App& app, Context& context);
void add_tokenize(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_convert(CLI::App& app, Context& context);
void add_bench(CLI::App& app, Context& context);
void add_perplexity(CLI::App& app, Context& context);
void add_debug(CLI::App& app, Context& context);

inline constexpr void (*kVerbs[])(CLI::App&, Context&) = {
    add_run, add_show, add_tokenize, add_doctor, add_convert, add_bench, add_perplexity, add_debug};

}  // namespace hearth::cli
