package pipeline

import (
	"encoding/json"
	"fmt"
	"time"
)

// Attachment is what a warehouse saw of the catalog database when it was attached. It is proof of that moment: nobody looks again until the
// database changes, since each look wakes a warehouse that sleeps.
type Attachment struct {
	// Schema is the external schema, User the database user that created or found it and read through it.
	Schema string `json:"schema"`
	User   string `json:"user"`
	// Tables is how many tables the schema shows. They are those of the database, which pipelines may share.
	Tables int `json:"tables"`
	// Table is the one that was read, empty if there was none yet; Rows how many of its rows were seen: 1, or 0 for a table without rows.
	Table string `json:"table,omitempty"`
	Rows  int64  `json:"rows_seen"`
	// At is when it was read, by the exporter's clock.
	At time.Time `json:"at"`
}

// encode returns the attachment's column, which is empty for none.
func (a *Attachment) encode() (string, error) {
	if a == nil {
		return "", nil
	}
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("encoding what the warehouse saw: %w", err)
	}
	return string(text), nil
}

func decodeAttachment(text string) (*Attachment, error) {
	if text == "" {
		return nil, nil
	}
	var a Attachment
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return nil, fmt.Errorf("reading what the warehouse saw: %w", err)
	}
	return &a, nil
}
