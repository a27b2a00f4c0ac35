package engine

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // SET timezone must not depend on the machine

	"github.com/refract-io/refract/internal/query/rsql"
)

// parameter is a session parameter of Redshift.
type parameter struct {
	initial string
	// check returns the value as it is kept, or false for one that is not allowed. nil takes anything.
	check func(value string) (string, bool)
	// fixed parameters can be shown but not set.
	fixed bool
	// reported ones are told to the client when they change; the name is as the protocol writes it.
	reported string
}

func onOff(v string) (string, bool) {
	switch strings.ToLower(v) {
	case "on", "true", "t", "1", "yes", "y":
		return "on", true
	case "off", "false", "f", "0", "no", "n":
		return "off", true
	}
	return "", false
}

func number(low, high int) func(string) (string, bool) {
	return func(v string) (string, bool) {
		n, err := strconv.Atoi(v)
		return strconv.Itoa(n), err == nil && low <= n && n <= high
	}
}

func oneOf(names ...string) func(string) (string, bool) {
	return func(v string) (string, bool) {
		v = strings.ToLower(v)
		return v, slices.Contains(names, v)
	}
}

func timeZone(v string) (string, bool) {
	if strings.EqualFold(v, "local") || strings.EqualFold(v, "default") {
		return "UTC", true
	}
	loc, err := time.LoadLocation(v)
	if err != nil {
		if loc, err = time.LoadLocation(strings.ToUpper(v)); err != nil {
			return "", false
		}
	}
	return loc.String(), v != ""
}

func dateStyle(v string) (string, bool) {
	order := "MDY"
	for part := range strings.SplitSeq(strings.ToUpper(v), ",") {
		switch part = strings.TrimSpace(part); part {
		case "ISO":
		case "MDY", "DMY", "YMD":
			order = part
		default:
			return "", false
		}
	}
	return "ISO, " + order, true
}

func clientEncoding(v string) (string, bool) {
	switch strings.ToUpper(strings.ReplaceAll(v, "-", "")) {
	case "UTF8", "UNICODE":
		return "UTF8", true
	}
	return "", false
}

// parameters are the session parameters with Redshift's defaults (Amazon Redshift Database Developer Guide, "Configuration reference").
var parameters = map[string]parameter{
	"analyze_threshold_percent":               {initial: "10", check: number(0, 100)},
	"application_name":                        {reported: "application_name"},
	"cast_super_null_on_error":                {initial: "on", check: onOff},
	"client_encoding":                         {initial: "UTF8", check: clientEncoding, reported: "client_encoding"},
	"client_min_messages":                     {initial: "notice", check: oneOf("debug5", "debug4", "debug3", "debug2", "debug1", "log", "notice", "warning", "error")},
	"datestyle":                               {initial: "ISO, MDY", check: dateStyle, reported: "DateStyle"},
	"default_transaction_isolation":           {initial: "serializable", check: oneOf("serializable", "read committed", "read uncommitted", "repeatable read")},
	"default_transaction_read_only":           {initial: "off", check: onOff},
	"describe_field_name_in_uppercase":        {initial: "off", check: onOff},
	"enable_case_sensitive_identifier":        {initial: "off", check: onOff},
	"enable_case_sensitive_super_attribute":   {initial: "off", check: onOff},
	"enable_result_cache_for_session":         {initial: "on", check: onOff},
	"enable_spectrum_oid":                     {initial: "on", check: onOff},
	"extra_float_digits":                      {initial: "0", check: number(-15, 3)},
	"integer_datetimes":                       {initial: "on", fixed: true, reported: "integer_datetimes"},
	"is_superuser":                            {fixed: true, reported: "is_superuser"},
	"json_parse_dedup_attributes":             {initial: "off", check: onOff},
	"json_parse_truncate_strings":             {initial: "off", check: onOff},
	"json_serialization_enable":               {initial: "off", check: onOff},
	"json_serialization_parse_nested_strings": {initial: "off", check: onOff},
	"max_cursor_result_set_size":              {initial: "0", check: number(0, 14_400_000)},
	"navigate_super_null_on_error":            {initial: "on", check: onOff},
	"parse_super_null_on_error":               {initial: "off", check: onOff},
	"query_group":                             {initial: "unset"},
	"search_path":                             {initial: "$user, public"},
	"server_encoding":                         {initial: "UTF8", fixed: true, reported: "server_encoding"},
	"server_version":                          {initial: serverVersion, fixed: true, reported: "server_version"},
	"session_authorization":                   {fixed: true, reported: "session_authorization"},
	"spectrum_enable_pseudo_columns":          {initial: "on", check: onOff},
	// Off, as the backslash escapes in Redshift's strings. Clients that quote by doubling quotes only must turn it on.
	"standard_conforming_strings":      {initial: "off", check: onOff, reported: "standard_conforming_strings"},
	"statement_timeout":                {initial: "0", check: number(0, 2147483647)},
	"stored_proc_log_min_messages":     {initial: "none"},
	"timezone":                         {initial: "UTC", check: timeZone, reported: "TimeZone"},
	"transaction_isolation":            {initial: "serializable", check: oneOf("serializable", "read committed", "read uncommitted", "repeatable read")},
	"transaction_read_only":            {initial: "off", check: onOff},
	"wlm_query_slot_count":             {initial: "1", check: number(1, 50)},
	"mv_enable_aqmv_for_session":       {initial: "on", check: onOff},
	"error_on_nondeterministic_update": {initial: "off", check: onOff},
	"default_geometry_encoding":        {initial: "1", check: number(0, 4)},
	"downcase_delimited_identifier":    {initial: "on", check: onOff},
	"enable_numeric_rounding":          {initial: "on", check: onOff},
	"spectrum_query_maxerror":          {initial: "-1", check: number(-1, 1_000_000)},
	"spectrum_replace_invalid_chars":   {initial: "off", check: onOff},
}

// Versions that the engine reports: PostgreSQL's, whose catalog and protocol it follows, and its own.
const (
	serverVersion = "8.0.2"
	version       = "PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.77467"
)

// settings are a session's parameters. A transaction that is rolled back takes back what it set.
type settings struct {
	values map[string]string
	// before are the values at the start of the transaction, nil outside one.
	before map[string]string
	// local holds what SET LOCAL must restore when the transaction ends.
	local map[string]*string
	// changed are the reported parameters changed since the client was last told.
	changed map[string]bool
}

func newSettings() *settings {
	s := &settings{values: map[string]string{}, changed: map[string]bool{}}
	for name, p := range parameters {
		if p.reported != "" {
			s.changed[name] = true
		}
	}
	return s
}

// get returns a parameter's value.
func (s *settings) get(name string) (string, bool) {
	if v, ok := s.values[name]; ok {
		return v, true
	}
	p, ok := parameters[name]
	return p.initial, ok
}

// set changes a parameter. Names with a period are the session's own variables.
func (s *settings) set(name, value string, local bool) error {
	p, known := parameters[name]
	switch {
	case !known && !strings.Contains(name, "."):
		return failure(rsql.StateUndefinedObject, "unrecognized configuration parameter \"%s\"", name)
	case p.fixed:
		return failure("55P02", "parameter \"%s\" cannot be changed", name)
	case p.check != nil:
		kept, ok := p.check(value)
		if !ok {
			return failure(rsql.StateInvalidParameter, "invalid value for parameter \"%s\": \"%s\"", name, value)
		}
		value = kept
	}
	if local && s.before != nil {
		if _, noted := s.local[name]; !noted {
			s.local[name] = s.lookup(name)
		}
	}
	s.put(name, &value)
	return nil
}

// reset gives a parameter its default, or all of them for "all".
func (s *settings) reset(name string) error {
	if name == "all" {
		for n := range maps.Clone(s.values) {
			if !parameters[n].fixed {
				s.put(n, nil)
			}
		}
		return nil
	}
	if _, ok := s.get(name); !ok {
		return failure(rsql.StateUndefinedObject, "unrecognized configuration parameter \"%s\"", name)
	}
	s.put(name, nil)
	return nil
}

func (s *settings) lookup(name string) *string {
	if v, ok := s.values[name]; ok {
		return &v
	}
	return nil
}

func (s *settings) put(name string, value *string) {
	if value == nil {
		delete(s.values, name)
	} else {
		s.values[name] = *value
	}
	if parameters[name].reported != "" {
		s.changed[name] = true
	}
}

// begin notes the values for the end of the transaction.
func (s *settings) begin() {
	s.before, s.local = maps.Clone(s.values), map[string]*string{}
}

// end restores what a finished transaction set, or what it set locally.
func (s *settings) end(committed bool) {
	if committed {
		for name, v := range s.local {
			s.put(name, v)
		}
	} else {
		for name := range maps.Clone(s.values) {
			if v, ok := s.before[name]; !ok || v != s.values[name] {
				delete(s.values, name)
			}
		}
		for name, v := range s.before {
			s.put(name, &v)
		}
	}
	s.before, s.local = nil, nil
}

// takeChanged returns the reported parameters that changed since the last call, by the names of the protocol.
func (s *settings) takeChanged() map[string]string {
	out := map[string]string{}
	for name := range s.changed {
		out[parameters[name].reported], _ = s.get(name)
	}
	clear(s.changed)
	return out
}

// on reports whether a boolean parameter is on.
func (s *settings) on(name string) bool {
	v, _ := s.get(name)
	kept, _ := onOff(v)
	return kept == "on"
}

// format is how results are printed under these settings.
func (s *settings) format() (format, error) {
	zone, _ := s.get("timezone")
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return format{}, fmt.Errorf("loading time zone %s: %w", zone, err)
	}
	digits, _ := s.get("extra_float_digits")
	extra, err := strconv.Atoi(digits)
	if err != nil {
		return format{}, fmt.Errorf("reading extra_float_digits: %w", err)
	}
	return format{zone: loc, extraDigits: extra}, nil
}

// timeout is the session's statement_timeout; 0 is none.
func (s *settings) timeout() time.Duration {
	v, _ := s.get("statement_timeout")
	ms, err := strconv.Atoi(v)
	if err != nil {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// sortedParameters are the names of the parameters in the order of SHOW ALL.
var sortedParameters = slices.Sorted(maps.Keys(parameters))
