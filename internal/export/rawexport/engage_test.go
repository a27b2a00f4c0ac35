package rawexport

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/refract-io/refract/internal/intake/eventlog"
)

// page is an answer of the profile query.
type page struct {
	Page      int    `json:"page"`
	PageSize  int    `json:"page_size"`
	SessionID string `json:"session_id"`
	Status    string `json:"status"`
	Total     int    `json:"total"`
	Results   []struct {
		DistinctID string          `json:"$distinct_id"`
		Properties json.RawMessage `json:"$properties"`
	} `json:"results"`
}

func (h *house) query(params ...string) (p page) {
	h.t.Helper()
	w := h.do(engageRequest(params...))
	require.Equal(h.t, http.StatusOK, w.Code, w.Body.String())
	require.NoError(h.t, json.Unmarshal(w.Body.Bytes(), &p), w.Body.String())
	return p
}

func (p page) ids() (ids []string) {
	for _, r := range p.Results {
		ids = append(ids, r.DistinctID)
	}
	return ids
}

func people() [][2]string {
	return [][2]string{
		{"ada", `{"$email":"ada@example.com","age":36,"balance":1.10,"$last_seen":"2026-08-01T10:00:00"}`},
		{"bob", `{"$email":"bob@example.com","age":9007199254740993,"$last_seen":"2026-07-01T10:00:00"}`},
		{"eve", `{}`},
	}
}

func TestAPageIsWhatTheGoldenFileSays(t *testing.T) {
	h := open(t)
	h.reader.profiles[9] = people()
	want, err := os.ReadFile("testdata/engage.json")
	require.NoError(t, err)
	w := h.do(engageRequest())
	id := h.query().SessionID
	require.Regexp(t, `^[0-9]+-[A-Z0-9]{26}$`, id)
	_, rest, _ := strings.Cut(w.Body.String(), `"session_id":"`)
	id, _, _ = strings.Cut(rest, `"`)
	require.Equal(t, strings.TrimSuffix(string(want), "\n"), strings.Replace(w.Body.String(), id, "SESSION", 1))
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
}

func TestProfilesAreNarrowed(t *testing.T) {
	h := open(t)
	h.reader.profiles[9] = people()
	for _, c := range []struct {
		what   string
		params []string
		want   []string
	}{
		{"by one id", []string{"distinct_id", "bob"}, []string{"bob"}},
		{"by ids in any order", []string{"distinct_ids", `["eve","nobody","ada"]`}, []string{"ada", "eve"}},
		{"by an id and ids", []string{"distinct_ids", `["eve"]`, "distinct_id", "ada"}, []string{"ada", "eve"}},
		{"by no id", []string{"distinct_ids", `[]`}, nil},
		{"by a condition", []string{"where", `properties["age"] > 9007199254740992`}, []string{"bob"}},
		{"by a condition on the user", []string{"where", `"@example.com" in user["$email"]`}, []string{"ada", "bob"}},
		{"by when they were seen", []string{"where", `properties["$last_seen"] >= datetime("2026-07-15")`}, []string{"ada"}},
		{"by both", []string{"where", `defined(properties["age"])`, "distinct_ids", `["ada","eve"]`}, []string{"ada"}},
	} {
		t.Run(c.what, func(t *testing.T) {
			p := h.query(c.params...)
			require.Equal(t, c.want, p.ids())
			require.Equal(t, len(c.want), p.Total)
		})
	}
	p := h.query("distinct_id", "ada", "output_properties", `["balance","$email","none"]`)
	require.Equal(t, `{"$email":"ada@example.com","balance":1.10}`, string(p.Results[0].Properties))
	p = h.query("distinct_id", "ada", "output_properties", `[]`)
	require.Equal(t, `{}`, string(p.Results[0].Properties))
}

func TestBadQueriesAreRefusedInWords(t *testing.T) {
	h := open(t)
	h.reader.profiles[9] = people()
	session := h.query("where", `true`).SessionID
	for _, c := range []struct {
		want   string
		params []string
	}{
		{"behaviors is not supported", []string{"behaviors", "[]"}},
		{"filter_by_cohort is not supported", []string{"filter_by_cohort", `{"id":1}`}},
		{"data_group_id is not supported", []string{"data_group_id", "1"}},
		{"page is invalid: must be a number from 0 on", []string{"page", "-1"}},
		{`distinct_ids is invalid: must be a JSON array of strings, such as ["a","b"]`, []string{"distinct_ids", "ada"}},
		{`output_properties is invalid: must be a JSON array of strings, such as ["a","b"]`, []string{"output_properties", "{}"}},
		{"where is invalid: expected a value instead of the end of the expression at position 4", []string{"where", "1 +"}},
		{"where is invalid: expected a boolean instead of a text at position 1", []string{"where", `properties["$email"]`}},
		{"session_id is invalid: it has expired or belongs to another query; ask for page 0 without it", []string{"session_id", "1-X"}},
		{"session_id is invalid: it has expired or belongs to another query; ask for page 0 without it", []string{"session_id", session, "where", "false"}},
	} {
		w := h.do(engageRequest(c.params...))
		require.Equal(t, http.StatusBadRequest, w.Code)
		want, err := json.Marshal(map[string]any{"code": 400, "error": c.want, "status": "Bad Request"})
		require.NoError(t, err)
		require.JSONEq(t, string(want), w.Body.String())
	}
	r := httptest.NewRequest("POST", engagePath, strings.NewReader(`{"where":"true"}`))
	r.Header.Set("Content-Type", "application/json")
	w := h.do(r)
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Contains(t, w.Body.String(), "the body must be a form")
	require.Equal(t, http.StatusRequestEntityTooLarge, h.do(engageRequest("where", strings.Repeat("x", maxForm))).Code)
}

func TestASessionEndsAnHourAfterItsLastPage(t *testing.T) {
	h := open(t)
	h.reader.profiles[9] = people()
	session := h.query().SessionID
	for range 3 {
		h.clock = h.clock.Add(59 * time.Minute)
		require.Equal(t, session, h.query("session_id", session).SessionID)
	}
	h.clock = h.clock.Add(time.Hour)
	require.Equal(t, http.StatusBadRequest, h.do(engageRequest("session_id", session)).Code)
}

func TestSessionsMakeRoomForNewOnes(t *testing.T) {
	clock := today
	s := newSessions(func() time.Time { return clock })
	for i := range maxSessions + 1 {
		s.add(&session{id: strconv.Itoa(i)})
		clock = clock.Add(time.Second)
		require.NotNil(t, s.find("0", ""))
	}
	require.Len(t, s.byID, maxSessions)
	require.Nil(t, s.find("1", ""))
	require.NotNil(t, s.find("2", ""))
}

// TestPagesTogetherAreAllProfilesAsOfTheFirst reads all pages, in any order, while profiles come and go.
func TestPagesTogetherAreAllProfilesAsOfTheFirst(t *testing.T) {
	h := open(t)
	rapid.Check(t, func(t *rapid.T) {
		h.reader.profiles = map[eventlog.Position][][2]string{}
		h.reader.sealed = 1
		n := rapid.SampledFrom([]int{0, 1, 999, 1000, 1001, 2000, 3500}).Draw(t, "profiles")
		every := rapid.IntRange(1, 3).Draw(t, "every")
		var want []string
		for i := range n {
			id := fmt.Sprintf("u%06d", i)
			h.reader.profiles[1] = append(h.reader.profiles[1], [2]string{id, `{"i":` + strconv.Itoa(i) + `}`})
			if i%every == 0 {
				want = append(want, id)
			}
		}
		condition := fmt.Sprintf(`properties["i"] %% %d == 0`, every)
		pages := (len(want) + pageSize - 1) / pageSize
		first := rapid.IntRange(0, pages).Draw(t, "first")
		p := h.query("where", condition, "page", strconv.Itoa(first))
		// From here on every other profile is gone and new ones are between the rest.
		h.reader.sealed = 2
		for i, old := range h.reader.profiles[1] {
			if i%2 == 0 {
				h.reader.profiles[2] = append(h.reader.profiles[2], old, [2]string{old[0] + "x", `{"i":0}`})
			}
		}
		found := map[int][]string{}
		for _, number := range append(rapid.Permutation(upTo(pages+2)).Draw(t, "order"), first) {
			q := h.query("where", condition, "page", strconv.Itoa(number), "session_id", p.SessionID)
			require.Equal(t, len(want), q.Total)
			require.Equal(t, number, q.Page)
			require.Equal(t, pageSize, q.PageSize)
			require.Equal(t, p.SessionID, q.SessionID)
			found[number] = q.ids()
		}
		require.Equal(t, p.ids(), found[first])
		var all []string
		for number := range pages + 2 {
			require.LessOrEqual(t, len(found[number]), pageSize)
			all = append(all, found[number]...)
		}
		require.Equal(t, want, all)
	})
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

func TestAPageThatFailsIsNoWholeAnswer(t *testing.T) {
	h := open(t)
	for i := range 900 {
		h.reader.profiles[9] = append(h.reader.profiles[9], [2]string{fmt.Sprintf("u%06d", i), `{"text":"` + strings.Repeat("x", 200) + `"}`})
	}
	h.reader.fail, h.reader.failAfter = errors.New("the disk is gone"), 800
	require.PanicsWithValue(t, http.ErrAbortHandler, func() { h.do(engageRequest()) })
	h.reader.failAfter = 10
	require.Equal(t, http.StatusInternalServerError, h.do(engageRequest()).Code)
}
