// Package event is the model that everything else shares: the records that
// are accepted from clients, the limits they keep, and lossless JSON.
//
// # From a body to a record
//
// A [Batch] walks a request body (one object, an array of objects, or
// newline-delimited objects) and scans each element with a [Scanner]. A
// [Normalizer] turns a scanned element into a [Record], applying the rules of
// Mixpanel's ingestion API; what it cannot take it returns as an [*Invalid].
// A [ProfileFold] applies the profile operations among the records to a
// profile.
//
// # Lossless JSON
//
// Values are never decoded into Go numbers or maps on the way. A value is a
// span of the text that the client sent, and it is copied, not rewritten:
// 1.10 stays 1.10, 9007199254740993 and 1e400 keep all their digits, escapes
// keep their spelling, members keep their order. What does change is
//
//   - white space outside strings, which is removed, so that a record never
//     spans lines;
//   - unpaired surrogate escapes (\ud800), which become \ufffd because strict
//     JSON readers refuse a whole file for one of them;
//   - a repeated key of the properties object: the last one counts, as in the
//     JSON parsers of Mixpanel's clients, and only it is kept. Objects inside
//     property values are kept as they are.
//
// Scanning and normalizing allocate nothing per record. Types in this package
// hold reusable buffers and serve one goroutine at a time, unless they say
// otherwise.
package event
