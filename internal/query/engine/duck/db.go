package duck

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	native "github.com/duckdb/duckdb-go-bindings"
)

// Options configure a database.
type Options struct {
	// Path is the database file; empty keeps everything in memory.
	Path string
	// TempDir takes what does not fit into memory.
	TempDir string
	// MemoryLimit is in bytes; 0 means DuckDB's default, 80 % of the machine's memory.
	MemoryLimit int64
	// Threads bounds the worker threads; 0 means one per core.
	Threads int
	// Folders are the only places where statements may open files.
	Folders []string
	// Settings are applied before the configuration is locked.
	Settings []string
	// Macros are created after the functions. They may name each other, in any order.
	Macros []string
	// Functions are the scalar functions written in Go.
	Functions []Function
}

// DB is a database. It is safe for concurrent use.
type DB struct {
	db native.Database
}

// Open opens the database, applies the settings and locks the configuration.
func Open(o Options) (*DB, error) {
	var config native.Config
	if native.CreateConfig(&config) == native.StateError {
		return nil, errors.New("creating the configuration of DuckDB")
	}
	defer native.DestroyConfig(&config)
	options := map[string]string{
		"autoinstall_known_extensions": "false",
		"autoload_known_extensions":    "false",
		"allow_community_extensions":   "false",
		"allow_unsigned_extensions":    "false",
	}
	if o.TempDir != "" {
		options["temp_directory"] = o.TempDir
	}
	if o.MemoryLimit > 0 {
		options["memory_limit"] = strconv.FormatInt(o.MemoryLimit, 10) + "B"
	}
	if o.Threads > 0 {
		options["threads"] = strconv.Itoa(o.Threads)
	}
	for name, value := range options {
		if native.SetConfig(config, name, value) == native.StateError {
			return nil, fmt.Errorf("setting %s of DuckDB to %q", name, value)
		}
	}
	d := &DB{}
	var message string
	if native.OpenExt(o.Path, &d.db, config, &message) == native.StateError {
		return nil, fmt.Errorf("opening the DuckDB file %q: %s", o.Path, message)
	}
	if err := d.prepare(o); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func (d *DB) prepare(o Options) error {
	c, err := d.Connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if err := registerSources(c); err != nil {
		return err
	}
	for _, f := range o.Functions {
		if err := registerFunction(c, f); err != nil {
			return err
		}
	}
	if err := createMacros(c, o.Macros); err != nil {
		return err
	}
	folders := make([]string, len(o.Folders))
	for i, f := range o.Folders {
		folders[i] = Quote(f)
	}
	settings := append(o.Settings[:len(o.Settings):len(o.Settings)],
		"SET GLOBAL allowed_directories = ["+strings.Join(folders, ", ")+"]",
		"SET GLOBAL enable_external_access = false",
		"SET GLOBAL lock_configuration = true")
	for _, s := range settings {
		if err := c.Exec(s); err != nil {
			return fmt.Errorf("applying %q: %w", s, err)
		}
	}
	return nil
}

// createMacros creates macros. One that names a macro which isn't there yet fails, and is tried again after the others.
func createMacros(c *Conn, macros []string) error {
	for len(macros) > 0 {
		var failed []string
		var first error
		for _, m := range macros {
			if err := c.Exec(m); err != nil {
				failed = append(failed, m)
				if first == nil {
					first = fmt.Errorf("creating a macro by %q: %w", m, err)
				}
			}
		}
		if len(failed) == len(macros) {
			return first
		}
		macros = failed
	}
	return nil
}

// Close closes the database. All connections must be closed.
func (d *DB) Close() { native.Close(&d.db) }

// Connect opens a connection.
func (d *DB) Connect() (*Conn, error) {
	c := &Conn{}
	if native.Connect(d.db, &c.conn) == native.StateError {
		return nil, errors.New("connecting to DuckDB")
	}
	return c, nil
}

// Quote writes s as a string literal.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// QuoteName writes s as an identifier.
func QuoteName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
