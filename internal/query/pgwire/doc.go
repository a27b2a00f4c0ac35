// Package pgwire serves PostgreSQL's frontend/backend protocol, version 3, in the way Amazon Redshift speaks it: psql, JDBC,
// ODBC and every PostgreSQL driver connect to it.
//
// A Server owns its listener's connections. Each is one goroutine that reads a message, calls the Backend's session and
// writes the answer; a write that the client does not take within WriteTimeout ends the connection. Passwords are asked for
// in clear text over TLS and as MD5 challenges otherwise, the codes Redshift's drivers expect. COPY FROM STDIN, function calls and
// LISTEN do not exist in Redshift and are refused.
//
// server_version is 8.0.2, which decides how psql writes its catalog queries. server_protocol_version is not
// reported, so that Redshift's own drivers use the base protocol.
package pgwire
