package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/refract-io/refract/internal/event"
)

func TestPipelinesThatGetInEachOthersWayAreRefused(t *testing.T) {
	day := func(s string) event.Day {
		d, err := event.ParseDay(s)
		require.NoError(t, err)
		return d
	}
	rawFrom := func(from, to string) Spec {
		s := Spec{Type: TypeRaw, Frequency: Hourly, From: day(from)}
		if to != "" {
			s.To = day(to)
		}
		return s
	}
	january := Spec{From: day("2026-01-01"), To: day("2026-01-31")}
	for _, c := range []struct {
		name, refused string
		first, second Spec
	}{
		{"the same range", "overlaps", january, january},
		{"ranges that overlap", "overlaps", january, Spec{From: day("2026-01-15"), To: day("2026-02-15")}},
		{"an open range over a closed one", "overlaps", january, Spec{}},
		{"ranges one after the other", "", january, Spec{From: day("2026-02-01")}},
		{"ranges one before the other", "", Spec{From: day("2026-02-01")}, january},
		{"another prefix and table", "", Spec{}, Spec{S3: S3{Prefix: "b"}, Table: "other"}},
		{"another prefix and database", "", Spec{}, Spec{S3: S3{Prefix: "b"}, Glue: Glue{Database: "other"}}},
		{"another prefix, the same table", "writes the table", Spec{}, Spec{S3: S3{Prefix: "b"}}},
		{"the same folder for another database", "same folder for the database", Spec{}, Spec{Glue: Glue{Database: "other"}}},
		{"another source", "", Spec{}, Spec{Source: People}},
		{"a snapshot twice", "same folder", Spec{Source: People}, Spec{Source: People}},
		{"two sources in one folder", "same folder", Spec{Source: People}, Spec{Source: Events, Table: "mp_people_data"}},
		{"a folder within the other's", "one within the other", Spec{}, Spec{S3: S3{Prefix: "2195193/mp_master_event/x"}, Glue: Glue{Database: "other"}}},
		{"schematized beside JSON in another prefix", "", Spec{}, Spec{Type: TypeAWS, S3: S3{Prefix: "b"}, Glue: Glue{TablePrefix: "b_"}}},
		{"schematized and JSON events in one folder", "the same folder", Spec{}, Spec{Type: TypeAWS}},
		{"two schematized of one source in one folder", "writes tables of events", Spec{Type: TypeAWS}, Spec{Type: TypeAWS, SchemaType: Multischema}},
		{"schematized people beside events", "", Spec{Type: TypeAWS, SchemaType: Multischema}, Spec{Type: TypeAWS, Source: People}},
		{"schematized people twice", "writes tables of people", Spec{Type: TypeAWS, Source: People}, Spec{Type: TypeAWS, Source: People, Glue: Glue{TablePrefix: "x_"}}},
		{"identity mappings that people bring along", "writes tables of identities", Spec{Type: TypeAWS, Source: People}, Spec{Type: TypeAWS, Source: Identities}},
		{"tables named after events beside a reserved one", "", Spec{Type: TypeAWS, SchemaType: Multischema}, Spec{Source: People}},
		{"tables named after events beside any other", "one within the other", Spec{Type: TypeAWS, SchemaType: Multischema}, Spec{Table: "clicks"}},
		{"tables named after events in two places of a database", "writes the table", Spec{Type: TypeAWS, SchemaType: Multischema}, Spec{Type: TypeAWS, SchemaType: Multischema, S3: S3{Prefix: "b"}}},
		{"an event's table that could be another pipeline's", "may be that of an event", Spec{Type: TypeAWS, SchemaType: Multischema}, Spec{Table: "clicks", S3: S3{Prefix: "b"}}},
		{"tables named after events with prefixes of their own", "", Spec{Type: TypeAWS, SchemaType: Multischema, Glue: Glue{TablePrefix: "a_"}}, Spec{Type: TypeAWS, SchemaType: Multischema, S3: S3{Prefix: "b"}, Glue: Glue{TablePrefix: "b_"}}},
		{"raw beside schematized", "", Spec{Type: TypeAWS, SchemaType: Multischema}, rawFrom("2026-01-01", "")},
		{"raw beside JSON", "", Spec{}, rawFrom("2026-01-01", "")},
		{"raw and a table called like a year", "one within the other", Spec{Table: "2026"}, rawFrom("2026-01-01", "")},
		{"raw twice", "overlaps", rawFrom("2026-01-01", ""), rawFrom("2026-06-01", "")},
		{"raw one after the other", "", rawFrom("2026-01-01", "2026-05-31"), rawFrom("2026-06-01", "")},
		{"the same name", "name is taken", Spec{Name: "a"}, Spec{Name: "a", S3: S3{Prefix: "b"}, Table: "other"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := open(t)
			h.create(c.first)
			c.second.Project, c.second.S3.Bucket = h.project, "lake"
			if c.second.Frequency == "" {
				c.second.Frequency = Continuous
			}
			if c.second.Source == "" {
				c.second.Source = Events
			}
			if c.second.Type != TypeRaw {
				c.second.Glue.Use = true
				if c.second.Glue.Database == "" {
					c.second.Glue.Database = "mixpanel"
				}
			}
			_, err := h.store.Create(h.ctx, c.second)
			if c.refused == "" {
				require.NoError(t, err)
				return
			}
			requireSetup(t, err, c.refused)
		})
	}
}
