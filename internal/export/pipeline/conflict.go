package pipeline

import (
	"fmt"
	"strings"

	"github.com/refract-io/refract/internal/export/lake"
)

// conflict reports why two pipelines may not stand side by side, or nil. The rules: one table in the catalog has one location; no
// folder of objects lies below another one, since readers take everything below a location; into one folder no day may be exported
// twice (Mixpanel, "JSON pipelines": overlapping date ranges to one destination are refused); and tables that are named after events
// keep to a folder and to a prefix of names of their own.
func (s *Spec) conflict(other *Definition) error {
	if err := s.folderConflict(other); err != nil {
		return err
	}
	return s.tableConflict(other)
}

// folderConflict compares where objects lie.
func (s *Spec) folderConflict(other *Definition) error {
	if s.S3.Bucket != other.S3.Bucket || s.S3.Endpoint != other.S3.Endpoint {
		return nil
	}
	mine, theirs := s.folder(), other.folder()
	sameRoot := s.root() == other.root()
	switch {
	case sameRoot && s.Type == TypeAWS && other.Type == TypeAWS && s.Source == other.Source:
		return fmt.Errorf("pipeline %s writes tables of %s to the same folder %s", other.Name, other.Source, s.root())
	case sameRoot && (s.clearOf(&other.Spec) || other.clearOf(s)):
		return nil
	case mine == theirs:
		return s.sameFolder(other)
	case strings.HasPrefix(mine, theirs) || strings.HasPrefix(theirs, mine):
		return fmt.Errorf("its folder %s and %s of pipeline %s lie one within the other", mine, theirs, other.Name)
	}
	return nil
}

// sameFolder compares two pipelines that write to one folder.
func (s *Spec) sameFolder(other *Definition) error {
	switch {
	case s.Type != other.Type:
		return fmt.Errorf("pipeline %s of the type %s writes the same folder", other.Name, other.Type)
	case s.Glue.Use && other.Glue.Use && s.Glue.Database != other.Glue.Database:
		return fmt.Errorf("pipeline %s writes the same folder for the database %s", other.Name, other.Glue.Database)
	case s.Source.Snapshot() || other.Source.Snapshot():
		return fmt.Errorf("pipeline %s writes the same folder", other.Name)
	case (other.To == 0 || s.From <= other.To) && (s.To == 0 || other.From <= s.To):
		return fmt.Errorf("pipeline %s exports %s to the same folder, which overlaps", other.Name, other.Range())
	}
	return nil
}

// tableConflict compares the names in the catalog.
func (s *Spec) tableConflict(other *Definition) error {
	if !s.Glue.Use || !other.Glue.Use || s.Glue.Database != other.Glue.Database || s.Glue.CatalogID != other.Glue.CatalogID {
		return nil
	}
	mine, theirs := s.tables(), other.tables()
	switch {
	case mine.named != "" && mine == theirs && s.folder() != other.folder(), mine.perEvent && theirs.perEvent && mine.prefix == theirs.prefix:
		return fmt.Errorf("pipeline %s writes the table %s.%s already, with another destination", other.Name, s.Glue.Database, mine.String())
	case mine.covers(theirs), theirs.covers(mine):
		return fmt.Errorf("the table %s.%s of pipeline %s may be that of an event", s.Glue.Database, theirs.String(), other.Name)
	}
	return nil
}

// tables are the names that a pipeline has in the catalog: one, or prefix and whatever events are called.
type tables struct {
	named, prefix string
	perEvent      bool
}

func (s *Spec) tables() tables {
	t := tables{prefix: s.Glue.TablePrefix, perEvent: s.SchemaType == Multischema}
	if !t.perEvent {
		t.named, t.prefix = s.CatalogTable(s.table()), ""
	}
	return t
}

// covers reports whether an event's table could have the other's name.
func (t tables) covers(other tables) bool {
	if !t.perEvent {
		return false
	}
	rest, ok := strings.CutPrefix(other.named+other.prefix, t.prefix)
	return ok && !isReserved(rest)
}

func (t tables) String() string {
	if t.perEvent {
		return t.prefix + "<event>"
	}
	return t.named
}

// isReserved reports whether no event gets the name: those of tables of other sources, and the folder of mapping files.
func isReserved(table string) bool {
	return table == Events.Table() || table == People.Table() || table == Identities.Table() || table == "schema"
}

func (s *Spec) root() string { return lake.Layout{Prefix: s.S3.Prefix, Project: s.Project}.TableDir() }

// folder returns the folder that holds all the pipeline's data.
func (s *Spec) folder() string {
	return s.layout().TableDir()
}

// clearOf reports whether the pipeline's folders lie beside those that the other one makes below their common root: years, or tables
// named after events, which are never called as the tables of other sources.
func (s *Spec) clearOf(other *Spec) bool {
	switch {
	case other.Type == TypeRaw:
		return s.Type != TypeRaw && !yearPattern.MatchString(s.Table)
	case other.SchemaType == Multischema:
		return s.Type != TypeJSON || isReserved(s.Table)
	}
	return false
}

// Range describes the days that are exported.
func (s *Spec) Range() string {
	from := "everything"
	if s.From != 0 {
		from = "events from " + s.From.String()
	}
	if s.To == 0 {
		return from
	}
	return from + " to " + s.To.String()
}
