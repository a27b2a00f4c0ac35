// Package readback holds the tests that read schematized tables the way users do: through the catalog and the SQL plane, with DuckDB
// reading the files.
package readback
