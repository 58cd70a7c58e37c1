/**
 * `make bench`: Hybridgrid beside ccache and the plain compiler, in one run on one machine, alternated, medians of
 * paired ratios. Prints a table and writes bench/results/latest.json. In the making.
 */
export {};
