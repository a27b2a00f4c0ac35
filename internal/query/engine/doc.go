// Package engine answers Redshift SQL over the lake: it holds the databases, users, external schemas and sessions of a warehouse, and runs
// queries on an embedded DuckDB.
//
// A statement is parsed and bound by rsql; no text of a user reaches DuckDB. For every external table in a query the catalog prunes the
// partitions, the buckets list the files of those that are left, and the scan becomes a table expression: JSON files are read by this package, value
// by value as the SerDe would, Parquet files by DuckDB. Statements that aren't queries are carried out here.
//
// Databases, users, external schemas and grants live in the metadata database and survive a restart; sessions, cursors and the query
// history do not. The engine has no tables of its own: it reads the lake.
package engine
