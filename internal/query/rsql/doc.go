// Package rsql is the Redshift SQL front end: it reads a script, resolves it
// against a catalog and translates queries into DuckDB SQL.
//
// Three parts build on each other:
//
//   - Parse turns text into an AST. Every node knows its position; errors have
//     Redshift's wording and SQLSTATE.
//   - Print turns an AST into canonical Redshift text. Parsing that text gives
//     the same AST again.
//   - Bind resolves names, types every expression by Redshift's rules and
//     yields a Bound query, whose DuckDB method gives the SQL to execute.
//
// User text never reaches DuckDB: Bind emits only operators and functions it
// knows, so what Redshift rejects is rejected here with Redshift's message,
// and what only DuckDB knows (file readers, lambdas, pragmas) can't be named.
//
// The emitted SQL leans on the macros of Prelude and on the scalar functions
// of HostFunctions, both of which the engine installs once per session.
//
// Nested columns of external tables (struct, array, map) and SUPER values are
// represented in DuckDB as VARCHAR holding the JSON text; numbers inside keep
// their original digits.
package rsql
