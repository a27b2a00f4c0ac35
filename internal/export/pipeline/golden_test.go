package pipeline

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
	"github.com/refract-io/refract/internal/platform/golden"
	"github.com/refract-io/refract/internal/platform/project"
)

// packed finds what of a manifest depends on the compressor.
var packed = regexp.MustCompile(`"(bytes|sha256)": ("[0-9a-f]{64}"|[0-9]+)`)

// numbers finds lists of numbers, which are shown on one line.
var numbers = regexp.MustCompile(`\[[0-9,\s]+\]`)

// tree lists all objects of the bucket with their lines.
func (h *house) tree() []byte {
	var out bytes.Buffer
	for _, key := range h.keys("") {
		fmt.Fprintln(&out, key)
		if strings.HasSuffix(key, "/complete") {
			continue // empty
		}
		var lines []string
		if strings.HasSuffix(key, ".gz") {
			lines = h.lines(key)
		} else {
			body, _, err := h.bucket.Get(h.ctx, key)
			require.NoError(h.t, err)
			text, err := io.ReadAll(body)
			require.NoError(h.t, err)
			require.NoError(h.t, body.Close())
			text = packed.ReplaceAll(text, []byte(`"$1": ...`))
			text = numbers.ReplaceAllFunc(text, func(list []byte) []byte { return bytes.Join(bytes.Fields(list), nil) })
			lines = strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		}
		for _, line := range lines {
			fmt.Fprintln(&out, "    "+line)
		}
	}
	return out.Bytes()
}

// TestWhatEachKindOfPipelineWritesMatchesTheGoldenFile shows all that lies in the bucket, key by key and line by line, after the runs of a
// pipeline of each kind: the tree of the folders, the rows, the mapping files, the markers, the manifests.
func TestWhatEachKindOfPipelineWritesMatchesTheGoldenFile(t *testing.T) {
	t.Parallel()
	today := event.DayOfTime(epoch)
	for name, spec := range map[string]Spec{
		"json-events":              {},
		"json-events-milliseconds": {Milliseconds: true},
		"json-people":              {Source: People},
		"json-identities":          {Source: Identities},
		"aws-monoschema":           {Type: TypeAWS},
		"aws-monoschema-sync":      {Type: TypeAWS, Sync: true},
		"aws-multischema":          {Type: TypeAWS, SchemaType: Multischema},
		"aws-people":               {Type: TypeAWS, Source: People},
		"aws-identities":           {Type: TypeAWS, Source: Identities},
		"raw-hourly":               {Type: TypeRaw, Frequency: Hourly, From: today},
		"raw-daily":                {Type: TypeRaw, Frequency: Daily, From: today},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := open(t)
			owner, _, err := project.NewRegistry(h.db).Create(h.ctx, project.Spec{ID: 1204, Name: "zoned", TimeZone: "America/St_Johns"})
			require.NoError(t, err)
			h.project = owner.ID
			h.config.Grace = 1000 * time.Hour
			h.restart()
			spec.S3.Prefix = "export"
			p := h.create(spec)
			at := func(hours int) (happened, received int64) {
				return epoch.Add(time.Duration(hours)*time.Hour).UnixMilli() + 123, epoch.UnixMilli() + int64(hours)
			}
			record := func(hours int, name, properties string) event.Record {
				happened, received := at(hours)
				return event.Record{
					Kind: event.KindEvent, Time: happened, Received: received, Name: []byte(name), DistinctID: []byte("ada"), UserID: []byte("ada"),
					DeviceID: fmt.Append(nil, "d", hours), InsertID: fmt.Append(nil, "i", hours), Properties: []byte(properties),
				}
			}
			profile := func(id, properties string) event.Record {
				return event.Record{Kind: event.KindProfile, Time: epoch.UnixMilli(), Received: epoch.UnixMilli() + 5, Name: []byte("$set"), DistinctID: []byte(id), Properties: []byte(properties)}
			}
			alias := record(-1, "Viewed", `{}`)
			alias.DistinctID = []byte("$device:d1")
			for _, block := range [][]event.Record{
				{
					record(-3, "Viewed", `{"$city":"Zürich","price":9.90,"tags":["a",{"URL":1}]}`),
					record(-8, "Signed Up", `{"plan":"free","big":9007199254740993,"path":"C:\\x \"y\""}`),
					profile("ada", `{"$name":"Ada","age":36}`), profile("bob", `{"$name":null,"vip":true}`), alias,
				},
				{record(-2, "Viewed", `{"price":"free","Price":1}`), profile("bob", `{"$name":"Bob","age":"unknown"}`)},
			} {
				h.reader.append(h.project, block...)
				h.reader.seal()
				h.once()
				h.advance(25 * time.Hour)
			}
			h.once()
			require.Equal(t, Succeeded, h.lastRun(p).State)
			golden.Equal(t, filepath.Join("testdata", "written", name+".txt"), h.tree())
		})
	}
}
