// Package duck drives an embedded DuckDB through its C interface. It is the only package that links DuckDB.
//
// It adds three things to the plain bindings: contexts that interrupt a query, results that are read column by column
// without boxing values, and table functions whose rows come from a Go Source. A DB's configuration is locked once Open returns:
// no statement can load extensions, reach the network, or open files outside Options.Folders.
package duck
