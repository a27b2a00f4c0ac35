// Package awstest is for tests of clients of AWS services: an S3 server that is nobody's in this house (versitygw, as a process of its
// own), and a proxy that lets services fail in the ways they do.
package awstest
