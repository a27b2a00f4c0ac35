package s3api

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	vgw "github.com/versity/versitygw/backend"
	"github.com/versity/versitygw/s3err"
)

// names writes the names in a listing's answer as its request wants them: with encoding-type=url as a form writes them, with their slashes, and
// else as they are. XML 1.0 has no way to write some of the characters that a key may have, and a listing must not give another key's name.
type names struct {
	encoding   types.EncodingType
	unwritable string
}

func namesOf(ctx context.Context) *names { return &names{encoding: exchangeOf(ctx).encoding} }

func (n *names) write(name string) string {
	if n.encoding == types.EncodingTypeUrl {
		return strings.ReplaceAll(url.QueryEscape(name), "%2F", "/")
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, notInXML) {
		n.unwritable = name
	}
	return name
}

// notInXML reports whether XML 1.0 lacks a character (its production Char).
func notInXML(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

// given writes what the request has given, or not.
func (n *names) given(name *string) *string {
	if name == nil {
		return nil
	}
	return n.some(*name)
}

// some writes a name, and leaves out an empty one.
func (n *names) some(name string) *string {
	if name == "" {
		return nil
	}
	written := n.write(name)
	return &written
}

func (n *names) page(page *vgw.WalkResults) {
	for i := range page.Objects {
		page.Objects[i].Key = n.given(page.Objects[i].Key)
	}
	for i := range page.CommonPrefixes {
		page.CommonPrefixes[i].Prefix = n.given(page.CommonPrefixes[i].Prefix)
	}
}

// refusal returns the answer for a listing with a name that can't be written, or nil.
func (n *names) refusal() error {
	if n.unwritable == "" {
		return nil
	}
	return refuse(http.StatusBadRequest, "InvalidRequest", "The name "+url.QueryEscape(n.unwritable)+" has characters that XML does not have: list with encoding-type=url.")
}

// tokenOf returns a continuation token that stands for a key: its CRC-32, which tells it from other texts, and the key.
func tokenOf(key string) string {
	if key == "" {
		return ""
	}
	return base64.URLEncoding.EncodeToString(append(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(key))), key...))
}

// keyOf returns the key that a token stands for.
func keyOf(token string) (string, error) {
	if token == "" {
		return "", nil
	}
	raw, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(raw) < 4 || binary.BigEndian.Uint32(raw) != crc32.ChecksumIEEE(raw[4:]) {
		return "", s3err.APIError{Code: "InvalidArgument", Description: "The continuation token provided is incorrect", HTTPStatusCode: http.StatusBadRequest}
	}
	return string(raw[4:]), nil
}
