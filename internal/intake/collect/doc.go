// Package collect is the HTTP collector: a server that Mixpanel's clients can be pointed at without noticing.
//
// # Requests
//
// It serves /track, /engage, /groups and /import, by POST and GET (the Node.js client imports single events by GET), each with or
// without a trailing slash. A body may be
// compressed (Content-Encoding gzip, deflate, zstd) and is a JSON object, an array of objects, newline-delimited objects, or a
// form whose field data is one of these, raw or in base64 (standard or URL alphabet, padded or not, spaces for +). What the body
// is is decided by its first byte, not by its Content-Type: beacons send forms as text/plain. A GET carries data in its query.
// Parameters (verbose, strict, ip, img, callback, api_key, project_id) are read from the query and from the form; "0" and "false"
// mean off.
//
// # Promises
//
// An answer that says that records were taken is sent when they are durable in the log. A record that cannot be taken is kept in
// the quarantine, durably, before the answer that refuses it. When log or quarantine fail for the moment the answer is 503, the
// clients send the request again, and records of it may be stored twice unless it carries an Idempotency-Key. Quarantined records
// come before the log: a request that fails between the two is quarantined again by its repetition if it carries no key.
//
// Records whose token names no project are answered as Mixpanel does, as if they were taken. They are counted, and the last few are
// kept in memory to be looked at; nothing that a stranger sends reaches the disk. The same holds for what cannot be attributed
// to a project because it is not readable.
//
// # Idempotency-Key
//
// Refract's addition to /import, for imports that resume: the records taken from a request with the header Idempotency-Key (1 to 128
// printable ASCII characters) are appended as one block under the key, which belongs to the project. A request whose key is known
// is judged and answered like the first one, with the header Idempotency-Replayed: true, and appends nothing.
//
// # limits=none
//
// Refract's addition to /import, for data that never was Mixpanel's: properties are kept whole whatever their number, length, depth
// and width, which Mixpanel's limits would cut or refuse.
//
// # Bounds
//
// A request holds at most 10 MiB after decompression and 2,000 records; decompression stops at the limit. Buffers grow with what
// was received, in steps, and all of them together have a bound, over which requests are answered 503 with Retry-After. Rates per
// project are answered 429 with Retry-After. The server bounds connections, headers and the time that a client may take.
package collect
