package source

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/sample"
)

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

func readAll(t *testing.T, path string, opts Options) ([]string, []*Chunk) {
	t.Helper()
	var recs []string
	var chunks []*Chunk
	require.NoError(t, Read(path, opts, func(c *Chunk) error {
		got := strings.Split(strings.TrimSuffix(string(c.Body), "\n"), "\n")
		require.Len(t, got, c.Records)
		require.EqualValues(t, len(recs)+1, c.First)
		recs = append(recs, got...)
		chunks = append(chunks, c)
		return nil
	}))
	return recs, chunks
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

func TestEveryFormGivesTheSameRecords(t *testing.T) {
	stream := sample.New(sample.Options{})
	var want []string
	for range 4500 {
		want = append(want, string(stream.Next(nil)))
	}
	ndjson := []byte(strings.Join(want, "\n"))
	array := []byte("[ " + strings.Join(want, " ,\n ") + " ]\n")
	var pretty bytes.Buffer
	for _, line := range want {
		require.NoError(t, json.Indent(&pretty, []byte(line), "", "\t"))
		pretty.WriteByte('\n')
	}
	enc, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	forms := map[string][]byte{
		"lines.ndjson": ndjson, "lines-bom.json": append([]byte("\ufeff"), ndjson...), "array.json": array,
		"lines.ndjson.gz": gzipped(ndjson), "array.json.zst": enc.EncodeAll(array, nil), "no-name-gzip": gzipped(array),
	}
	for name, content := range forms {
		t.Run(name, func(t *testing.T) {
			got, chunks := readAll(t, write(t, name, content), Options{})
			require.Equal(t, want, got)
			require.Len(t, chunks, 3)
		})
	}
	t.Run("indented objects", func(t *testing.T) {
		got, _ := readAll(t, write(t, "pretty.json", pretty.Bytes()), Options{})
		require.Len(t, got, len(want))
		for i := range got {
			require.JSONEq(t, want[i], got[i])
		}
	})
}

func TestChunksOfAFileKeepTheirKeysWhenItGrows(t *testing.T) {
	var b bytes.Buffer
	for i := range 4500 {
		fmt.Fprintf(&b, "{\"event\":\"e%d\"}\n", i)
	}
	path := write(t, "log.ndjson", b.Bytes())
	_, before := readAll(t, path, Options{})
	fmt.Fprintf(&b, "{\"event\":\"more\"}\n")
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	_, after := readAll(t, path, Options{})
	require.Equal(t, before[0].Key, after[0].Key)
	require.Equal(t, before[1].Key, after[1].Key)
	require.NotEqual(t, before[2].Key, after[2].Key)
	_, otherJob := readAll(t, path, Options{Job: "again"})
	require.NotEqual(t, before[0].Key, otherJob[0].Key)
	require.NotEqual(t, before[0].Key, before[1].Key)
}

func TestDamagedFilesNameTheRecordAndKeepWhatIsBeforeIt(t *testing.T) {
	cases := map[string]struct{ content, want string }{
		"an array cut short":       {`[{"a":1},{"b":`, "record 2"},
		"an array never closed":    {`[{"a":1}`, "record 2 of"},
		"text after the array":     {`[{"a":1}] x`, "after the end of the array"},
		"something not an object":  {`[{"a":1}, 7]`, "found '7' where an object should begin"},
		"neither JSON nor CSV":     {"hello", "neither JSON"},
		"a gzip file cut in half":  {string(gzipped(bytes.Repeat([]byte("{\"a\":1}\n"), 50_000))[:60]), "unexpected EOF"},
		"csv with a ragged second": {"a,b\n1,2\n3\n", "wrong number of fields"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			file := "f.json"
			if strings.HasPrefix(name, "csv") {
				file = "f.csv"
			}
			got := 0
			err := Read(write(t, file, []byte(c.content)), Options{}, func(c *Chunk) error { got += c.Records; return nil })
			require.ErrorContains(t, err, c.want)
			if strings.HasPrefix(c.content, `[{"a":1}`) {
				require.Equal(t, 1, got)
			}
		})
	}
}

func TestCSVCellsKeepTheirText(t *testing.T) {
	csv := "event,time,zip,amount,flag,note\nBuy,1700000000,007,12.50,true,\"say \"\"hi\"\"\nthere\"\nBuy,1700000001,,1e3,TRUE,\n"
	got, _ := readAll(t, write(t, "f.csv", []byte(csv)), Options{})
	require.Equal(t, []string{
		`{"event":"Buy","time":1700000000,"zip":"007","amount":12.50,"flag":true,"note":"say \"hi\"\nthere"}`,
		`{"event":"Buy","time":1700000001,"amount":1e3,"flag":"TRUE"}`,
	}, got)
	got, _ = readAll(t, write(t, "f.csv", []byte("a\tb\n")), Options{})
	require.Empty(t, got)
	got, _ = readAll(t, write(t, "f.csv", []byte("a,b\n1,true\n")), Options{CSVText: true})
	require.Equal(t, []string{`{"a":"1","b":"true"}`}, got)
}

func TestMappingTurnsRecordsIntoEvents(t *testing.T) {
	github := "event=type,time=created_at,distinct_id=actor.login,insert_id=id"
	cases := map[string]struct{ mapping, in, want string }{
		"a GitHub event": {github,
			`{"id":"281","type":"WatchEvent","actor":{"id":5,"login":"hosh"},"payload":{"n":1.10},"created_at":"2023-04-08T05:14:40Z"}`,
			`{"event":"WatchEvent","properties":{"actor":{"id":5,"login":"hosh"},"payload":{"n":1.10},"time":1680930880000,"distinct_id":"hosh","$insert_id":"281"}}`},
		"properties in an object": {"event=name,time=ts,properties=data",
			`{"name":"A","ts":1700000000,"data":{"x":1},"other":2}`,
			`{"event":"A","properties":{"x":1,"time":1700000000}}`},
		"a member with a dot in its name comes first": {"event=a.b,time=t",
			`{"a.b":"dotted","a":{"b":"nested"},"t":"1700000000"}`,
			`{"event":"dotted","properties":{"a":{"b":"nested"},"time":1700000000}}`},
		"a date without offset is UTC":             {"event=e,time=t", `{"e":"A","t":"2026-05-01 10:00:00.5"}`, `{"event":"A","properties":{"time":1777629600500}}`},
		"no event at the path passes as it is":     {github, `{"id":"1"}`, `{"id":"1"}`},
		"a null event counts as none":              {"event=e,time=t", `{"e":null,"t":1}`, `{"e":null,"t":1}`},
		"a line that is no JSON passes as it is":   {github, `{"id":`, `{"id":`},
		"an unreadable time is left to the server": {"event=e,time=t", `{"e":"A","t":"soon"}`, `{"event":"A","properties":{"time":"soon"}}`},
		"a mapped id that is missing is left out":  {github, `{"type":"A","created_at":1}`, `{"event":"A","properties":{"time":1}}`},
		"three levels": {"event=a.b.c,time=t", `{"a":{"b":{"c":"E"}},"t":1}`, `{"event":"E","properties":{"a":{"b":{"c":"E"}},"time":1}}`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m, err := ParseMapping(c.mapping)
			require.NoError(t, err)
			require.Equal(t, c.want, string((&mapper{m: m}).apply(nil, []byte(c.in))))
		})
	}
}

func TestEventsThatAreMappedNoInsertIDGetOneOfTheirPlace(t *testing.T) {
	file := write(t, "same.csv", []byte("name,at\n"+strings.Repeat("Same,2026-05-01\n", 3000)))
	ids := func(mapping, job string) map[string]bool {
		m, err := ParseMapping(mapping)
		require.NoError(t, err)
		records, _ := readAll(t, file, Options{Mapping: m, Job: job})
		all := map[string]bool{}
		for _, r := range records {
			var e struct {
				Properties struct {
					ID string `json:"$insert_id"`
				}
			}
			require.NoError(t, json.Unmarshal([]byte(r), &e))
			all[e.Properties.ID] = true
		}
		return all
	}
	first := ids("event=name,time=at", "")
	require.Len(t, first, 3000, "equal records are different events")
	require.Equal(t, first, ids("event=name,time=at", ""), "a repeated import sends the same")
	for id := range ids("event=name,time=at", "again") {
		require.NotContains(t, first, id)
	}
	require.Equal(t, map[string]bool{"Same": true}, ids("event=name,time=at,insert_id=name", ""))
	own := &mapper{m: mustMapping(t, "event=e,time=t,properties=p"), insertID: []byte("made")}
	require.Equal(t, `{"event":"E","properties":{"$insert_id":"own","time":1}}`, string(own.apply(nil, []byte(`{"e":"E","t":1,"p":{"$insert_id":"own"}}`))))
	require.Equal(t, `{"event":"E","properties":{"time":1,"$insert_id":"made"}}`, string(own.apply(nil, []byte(`{"e":"E","t":1,"p":{}}`))))
}

func mustMapping(t *testing.T, text string) *Mapping {
	t.Helper()
	m, err := ParseMapping(text)
	require.NoError(t, err)
	return m
}

func TestMappingErrorsNameThePart(t *testing.T) {
	for text, want := range map[string]string{
		"event": "target=path", "event=a": "event and time are required", "evnt=a,time=b": `"evnt=a"`, "event=a,event=b,time=c": "mapped twice",
	} {
		_, err := ParseMapping(text)
		require.ErrorContains(t, err, want)
	}
}

func FuzzMapping(f *testing.F) {
	f.Add("event=type,time=created_at,distinct_id=actor.login", `{"type":"A","created_at":"2023-04-08T05:14:40Z","actor":{"login":"x"}}`)
	f.Add("event=a.b,time=t,properties=p.q", `{"a":{"b":1},"t":1,"p":{"q":{"x":[1]}}}`)
	f.Fuzz(func(t *testing.T, mapping, record string) {
		m, err := ParseMapping(mapping)
		if err != nil {
			return
		}
		again, err := ParseMapping(m.String())
		require.NoError(t, err)
		require.Equal(t, m, again)
		out := (&mapper{m: m}).apply(nil, []byte(record))
		if json.Valid([]byte(record)) && !json.Valid(out) {
			t.Fatalf("%q with %q became %q", record, mapping, out)
		}
	})
}

func TestFoldersAreExpandedInOrder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b.ndjson.gz", "a.json", "c/d.csv", "README.md", "e.jsonl.zst"} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	got, err := Expand([]string{dir, "-"})
	require.NoError(t, err)
	for i := range got[:len(got)-1] {
		got[i], err = filepath.Rel(dir, got[i])
		require.NoError(t, err)
	}
	require.Equal(t, []string{"a.json", "b.ndjson.gz", "c/d.csv", "e.jsonl.zst", "-"}, got)
	_, err = Expand([]string{filepath.Join(dir, "missing")})
	require.Error(t, err)
	_, err = Expand([]string{t.TempDir()})
	require.ErrorContains(t, err, "holds no")
}

// TestImportGoesOnThroughFailures answers badly at first, loses an answer after taking the chunk, and expects every record once.
func TestImportGoesOnThroughFailures(t *testing.T) {
	var mu sync.Mutex
	taken := map[string]int{}
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		zr, err := gzip.NewReader(r.Body)
		if err != nil || user != "tok" || r.URL.RequestURI() != "/import?strict=1" {
			t.Errorf("bad request %v %v", r.URL, err)
			return
		}
		body, _ := io.ReadAll(zr)
		n := bytes.Count(body, []byte("\n"))
		switch calls.Add(1) {
		case 1:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, `{"code":429,"error":"slow down"}`)
			return
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		_, again := taken[r.Header.Get("Idempotency-Key")]
		taken[r.Header.Get("Idempotency-Key")] = n
		mu.Unlock()
		if calls.Load() == 3 && !again {
			panic(http.ErrAbortHandler) // the chunk is taken, the answer is lost
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"code":400,"num_records_imported":%d,"failed_records":[{"message":"bad time"}]}`, n-1)
	}))
	defer server.Close()
	path := write(t, "f.ndjson", bytes.Repeat([]byte("{\"event\":\"a\"}\n"), 9_000))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	got, err := (&Importer{URL: server.URL, Token: "tok"}).Run(ctx, []string{path}, Options{})
	require.NoError(t, err)
	total := 0
	for _, n := range taken {
		total += n
	}
	require.Equal(t, 9_000, total)
	require.Equal(t, Summary{Files: 1, Chunks: 5, Records: 9_000, Imported: 8_995, Refused: 5, Bytes: 9_000 * 14, Reasons: map[string]int64{"bad time": 5}}, got)
}

func TestImportStopsAtWhatOnlyTheUserCanMend(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"code":401,"error":"Invalid credentials","status":"Unauthorized"}`)
	}))
	defer server.Close()
	path := write(t, "f.ndjson", []byte("{}\n"))
	_, err := (&Importer{URL: server.URL, Token: "wrong"}).Run(context.Background(), []string{path}, Options{})
	require.ErrorContains(t, err, "Invalid credentials")
	require.ErrorContains(t, err, "check the project token")
}
