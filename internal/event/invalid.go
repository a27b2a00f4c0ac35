package event

import "errors"

// ErrIgnored is what a Normalizer returns for an event whose $ignore property
// is true or a non-empty string: the client asked for it to be dropped, so it
// is neither stored nor counted as bad (Mixpanel docs, bot traffic).
var ErrIgnored = errors.New("event is marked $ignore")

// Invalid says why a record cannot be taken. It is the record's fault, not
// the server's: the same record fails again until its sender changes it.
type Invalid struct {
	// Field is the path of the offending member, such as "properties.time",
	// or empty when the record as a whole is at fault.
	Field string
	// Message is the text for the client. It already names the field.
	Message string
}

// Error returns the message.
func (e *Invalid) Error() string { return e.Message }
