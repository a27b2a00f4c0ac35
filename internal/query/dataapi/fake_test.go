package dataapi_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/refract-io/refract/internal/query/dataapi"
)

// fake is a warehouse that knows a few statements:
//
//	SELECT 1           one row
//	SELECT :name       the parameters' values, one row
//	ROWS n [width]     n rows of a number and a text
//	VALUES             one row of every kind, and one of NULLs
//	WAIT               until it is canceled
//	FAIL               an error
//
// and takes all others without a result.
type fake struct {
	mu        sync.Mutex
	users     map[string]string // passwords
	logins    map[string]string // user/password
	log       []string          // "user@database pid: statement"
	open      int
	lastPID   int64
	broken    error         // when not nil, what Authenticate fails with
	connected chan struct{} // when not nil, Connect waits for it
}

func newFake() *fake {
	return &fake{users: map[string]string{"admin": "secret"}, logins: map[string]string{}}
}

var named = regexp.MustCompile(`:(\w+)`)

func (f *fake) Parameters(sql string) ([]string, error) {
	if strings.Contains(sql, "'") {
		return nil, &dataapi.SQLError{Message: "unterminated quoted string"}
	}
	var out []string
	for _, m := range named.FindAllStringSubmatch(sql, -1) {
		out = append(out, m[1])
	}
	return out, nil
}

func (f *fake) ControlsTransaction(sql string) bool { return sql == "COMMIT" }

func (f *fake) EnsureUser(_ context.Context, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.users[name]; !ok {
		f.users[name] = ""
	}
	return nil
}

func (f *fake) SetLogin(_ context.Context, name, user, password string, _ time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins[name] = user + "/" + password
	return nil
}

func (f *fake) Authenticate(_ context.Context, user, password string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.broken != nil {
		return f.broken
	}
	if f.users[user] != password {
		return &dataapi.SQLError{SQLState: "28000", Message: "no"}
	}
	return nil
}

func (f *fake) Connect(ctx context.Context, user, database string) (dataapi.Connection, error) {
	if f.connected != nil {
		select {
		case <-f.connected:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.users[user]; !ok {
		return nil, &dataapi.SQLError{SQLState: "28000", Message: fmt.Sprintf("user %q does not exist", user)}
	}
	if database != "dev" {
		return nil, &dataapi.SQLError{SQLState: "3D000", Message: fmt.Sprintf("database %q does not exist", database)}
	}
	f.lastPID++
	f.open++
	return &fakeConnection{f, user + "@" + database, f.lastPID}, nil
}

func (f *fake) logged() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.log...)
}

func (f *fake) connections() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open
}

type fakeConnection struct {
	fake *fake
	who  string
	pid  int64
}

func (c *fakeConnection) PID() int64 { return c.pid }

func (c *fakeConnection) Close() error {
	c.fake.mu.Lock()
	defer c.fake.mu.Unlock()
	c.fake.open--
	return nil
}

func (c *fakeConnection) Execute(ctx context.Context, sql string, parameters map[string]string) (dataapi.Rows, error) {
	c.fake.mu.Lock()
	c.fake.log = append(c.fake.log, fmt.Sprintf("%s %d: %s", c.who, c.pid, sql))
	id := int64(len(c.fake.log))
	c.fake.mu.Unlock()
	words := strings.Fields(sql)
	r := &fakeRows{id: id}
	number := dataapi.Column{Name: "id", Type: "int8", Kind: dataapi.Long, Precision: 19, Signed: true}
	text := dataapi.Column{Name: "text", Type: "varchar", Precision: 256, CaseSensitive: true}
	switch {
	case sql == "FAIL":
		return nil, &dataapi.SQLError{SQLState: "42501", Message: "permission denied for database dev", Hint: "ask", Position: 7}
	case sql == "BREAK":
		return nil, errors.New("the disk is gone")
	case sql == "WAIT":
		<-ctx.Done()
		return nil, &dataapi.SQLError{SQLState: "57014", Message: "Query (1) cancelled on user's request"}
	case words[0] == "ROWS":
		n, _ := strconv.Atoi(words[1])
		width := 4
		if len(words) > 2 {
			width, _ = strconv.Atoi(words[2])
		}
		r.columns = []dataapi.Column{number, text}
		for i := range n {
			r.rows = append(r.rows, []*string{ptr(strconv.Itoa(i)), ptr(strings.Repeat("x", width))})
		}
	case sql == "VALUES":
		kinds := []dataapi.Kind{dataapi.Boolean, dataapi.Long, dataapi.Double, dataapi.Double, dataapi.Text, dataapi.Text, dataapi.Blob}
		values, nulls := []string{"t", "-7", "0.1", "-Infinity", "say \"hi\",\nok", "", "00ff"}, make([]*string, len(kinds))
		row := []*string{}
		for i, k := range kinds {
			r.columns = append(r.columns, dataapi.Column{Name: fmt.Sprint("c", i), Kind: k})
			row = append(row, &values[i])
		}
		r.rows = [][]*string{row, nulls}
	case strings.HasPrefix(sql, "SELECT :"):
		row := []*string{}
		for _, m := range named.FindAllStringSubmatch(sql, -1) {
			r.columns = append(r.columns, text)
			row = append(row, ptr(parameters[m[1]]))
		}
		r.rows = [][]*string{row}
	case words[0] == "SELECT":
		r.columns, r.rows = []dataapi.Column{number}, [][]*string{{ptr(words[1])}}
	}
	return r, nil
}

func ptr[T any](v T) *T { return &v }

type fakeRows struct {
	id      int64
	columns []dataapi.Column
	rows    [][]*string
}

func (r *fakeRows) Columns() []dataapi.Column { return r.columns }
func (r *fakeRows) QueryID() int64            { return r.id }
func (r *fakeRows) Close() error              { return nil }

func (r *fakeRows) Next(context.Context) (dataapi.Batch, error) {
	if len(r.rows) == 0 {
		return nil, nil
	}
	n := min(len(r.rows), 100)
	batch := fakeBatch(r.rows[:n])
	r.rows = r.rows[n:]
	return batch, nil
}

type fakeBatch [][]*string

func (b fakeBatch) Len() int                  { return len(b) }
func (b fakeBatch) Null(column, row int) bool { return b[row][column] == nil }
func (b fakeBatch) AppendText(dst []byte, column, row int) []byte {
	return append(dst, *b[row][column]...)
}
