package eventlog

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/refract-io/refract/internal/platform/fault"
)

// A block travels as one message of the stream: its Data is the payload, and these headers hold the rest. Nats-Msg-Id, which
// JetStream looks at to recognise a repeated append, is "project/key" with the key escaped as in a URL path.
const (
	projectHeader = "Refract-Project"
	countHeader   = "Refract-Count"
)

// subject returns where a block is published. Blocks without a key share their project's subject. A key has a subject to itself,
// so that the server can refuse a second block there for as long as it holds the first, however old.
func subject(stream string, b *Block) string {
	project := strconv.FormatInt(b.Project, 10)
	if b.Key == "" {
		return stream + "." + project
	}
	sum := sha256.Sum256([]byte(b.Key))
	return stream + "." + project + ".key." + hex.EncodeToString(sum[:16])
}

func message(stream string, b *Block) *nats.Msg {
	m := nats.NewMsg(subject(stream, b))
	m.Data = b.Data
	project := strconv.FormatInt(b.Project, 10)
	m.Header[projectHeader] = []string{project}
	m.Header[countHeader] = []string{strconv.Itoa(b.Count)}
	m.Header[nats.ExpectedStreamHdr] = []string{stream}
	if b.Key != "" {
		m.Header[nats.MsgIdHdr] = []string{project + "/" + url.PathEscape(b.Key)}
		m.Header[nats.ExpectedLastSubjSeqHdr] = []string{"0"}
	}
	return m
}

// parseMessage fills b from a message that the direct API returned.
func parseMessage(m *nats.Msg, b *Block) error {
	position, err := strconv.ParseUint(m.Header.Get(nats.JSSequence), 10, 64)
	if err != nil {
		return fmt.Errorf("reading the sequence of a message: %w", err)
	}
	*b = Block{Position: Position(position), Data: m.Data}
	b.Project, err = strconv.ParseInt(m.Header.Get(projectHeader), 10, 64)
	if err == nil {
		b.Count, err = strconv.Atoi(m.Header.Get(countHeader))
	}
	if id := m.Header.Get(nats.MsgIdHdr); err == nil && id != "" {
		_, key, _ := strings.Cut(id, "/")
		b.Key, err = url.PathUnescape(key)
	}
	if err != nil {
		return fault.New(fault.Setup, "reading the log", fmt.Sprintf("at message %d", position),
			fmt.Errorf("it was not written by this program: %w", err),
			"let nothing else publish to the subjects of the log's stream")
	}
	return nil
}

// checkBlock refuses what no log can hold. limit is the largest Data in bytes.
func checkBlock(b *Block, limit int64) error {
	object := fmt.Sprintf("of %d records for project %d", b.Count, b.Project)
	switch {
	case int64(len(b.Data)) > limit:
		return fault.New(fault.Poison, "appending a block", object,
			fmt.Errorf("%w: %d bytes, the log takes %d", ErrTooLarge, len(b.Data), limit), "send fewer records at once")
	case len(b.Key) > maxKeyBytes:
		return fault.New(fault.Poison, "appending a block", object,
			fmt.Errorf("the key has %d bytes, at most %d are allowed", len(b.Key), maxKeyBytes), "")
	}
	h, err := parseHeader(b.Data)
	if err == nil && h.count != b.Count {
		err = fmt.Errorf("the header says %d records", h.count)
	}
	if err == nil && b.Count == 0 {
		err = errors.New("the block is empty")
	}
	if err != nil {
		return fault.New(fault.Bug, "appending a block", object, err, "")
	}
	return nil
}
