package pgwire

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgproto3"
)

// maxStartupPacket is PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
const maxStartupPacket = 10_000

// Request codes that stand in place of the protocol version.
const (
	cancelCode = 80877102
	sslCode    = 80877103
	gssCode    = 80877104
)

// readStartup reads one message of the phase before authentication: a start-up message, or a request for encryption or
// cancellation. It reads not one byte more, since what follows may be encrypted.
func readStartup(r io.Reader) (pgproto3.FrontendMessage, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size < 8 || size > maxStartupPacket {
		return nil, fmt.Errorf("invalid length of startup packet: %d", size)
	}
	body := make([]byte, size-4)
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, err
	}
	var msg pgproto3.FrontendMessage
	switch code := binary.BigEndian.Uint32(body); {
	case code == cancelCode:
		msg = &pgproto3.CancelRequest{}
	case code == sslCode:
		msg = &pgproto3.SSLRequest{}
	case code == gssCode:
		msg = &pgproto3.GSSEncRequest{}
	case code>>16 == 3:
		// Later minor versions differ in options only, which NegotiateProtocolVersion turns down.
		minor := code & 0xffff
		binary.BigEndian.PutUint32(body, pgproto3.ProtocolVersion30)
		m := &pgproto3.StartupMessage{}
		if err := m.Decode(body); err != nil {
			return nil, err
		}
		m.ProtocolVersion = 3<<16 | minor
		return m, nil
	default:
		return nil, fatal(codeUnsupported, fmt.Sprintf("unsupported frontend protocol %d.%d: server supports 3.0", code>>16, code&0xffff))
	}
	if err := msg.Decode(body); err != nil {
		return nil, err
	}
	return msg, nil
}
