// Package control is the JSON API by which the command line, and whoever automates Refract, talks to a running process: projects,
// service accounts, the quarantine, verification and status. Pipelines have Mixpanel's API (package pipelineapi), whose client is here
// too.
//
//	GET  /api/refract/status                                what runs, and how far it is
//	GET  /api/refract/projects                              all projects
//	POST /api/refract/projects                              create one; the answer holds its secret, once
//	POST /api/refract/projects/{id}/service-accounts        create one; the answer holds its secret, once
//	GET  /api/refract/projects/{id}/aws                     what a pipeline says of AWS; ?pipeline=NAME
//	POST /api/refract/projects/{id}/aws/doctor              check settings against the AWS account
//	GET  /api/refract/quarantine                            entries, filtered and paged
//	GET  /api/refract/quarantine/{id}                       one entry with its raw bytes
//	POST /api/refract/quarantine/replay                     judge entries again and take those that have become good
//	GET  /api/refract/unattributed                          the last records that belong to no project
//	POST /api/refract/verify                                reconcile a project
//
// Every call needs the process's admin token as a bearer token. Errors are {"error":..., "class":..., "hint":...}.
package control
