package glueapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/refract-io/refract/internal/aws/policy"
	"github.com/refract-io/refract/internal/catalog"
)

type searchRequest struct {
	CatalogID         string `json:"CatalogId"`
	NextToken         string
	MaxResults        *int
	SearchText        string
	Filters           []searchFilter
	SortCriteria      []sortCriterion
	ResourceShareType string
}

type searchFilter struct{ Key, Value, Comparator string }

type sortCriterion struct{ FieldName, Sort string }

// searchTables looks through every table of every database.
func (s *server) searchTables(ctx context.Context, in *searchRequest) (*tablesAnswer, error) {
	resources := append(s.databaseARN("*"), s.arn("table/*/*"))
	if err := s.begin(ctx, "SearchTables", in.CatalogID, resources); err != nil {
		return nil, err
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	size, err := pageSize(in.MaxResults, maxPartitionPage)
	if err != nil {
		return nil, err
	}
	request := []any{"SearchTables", in.SearchText, in.Filters, in.SortCriteria, in.ResourceShareType}
	last, err := after(in.NextToken, request...)
	if err != nil {
		return nil, err
	}
	found, err := s.search(ctx, in)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b foundTable) int { return compareFound(in.SortCriteria, a.key, b.key) })
	if last != nil {
		found = slices.DeleteFunc(found, func(f foundTable) bool {
			return len(last) != len(f.key) || compareFound(in.SortCriteria, f.key, last) <= 0
		})
	}
	out := &tablesAnswer{TableList: []any{}}
	var end []string
	for _, f := range found {
		// "You can only get tables that you have access to based on the security policies defined" (SearchTables).
		err := s.auth.Authorize(ctx, "glue:GetTable", s.tableARN(f.table.DatabaseName, f.table.Name))
		if _, denied := errors.AsType[*policy.DeniedError](err); denied {
			continue
		}
		if err != nil {
			return nil, err
		}
		if len(out.TableList) == size {
			out.NextToken = nextToken(end, request...)
			break
		}
		out.TableList, end = append(out.TableList, s.table(f.table)), f.key
	}
	return out, nil
}

const maxSearchValue = 1024 // ValueString

func (in *searchRequest) check() error {
	if len(in.SortCriteria) > 1 {
		return invalid("1 validation error detected: Value at 'sortCriteria' failed to satisfy constraint: Member must have length less than or equal to 1")
	}
	texts := []string{in.SearchText}
	for _, filter := range in.Filters {
		texts = append(texts, filter.Key, filter.Value)
		if filter.Comparator != "" && !filter.byTime() {
			return invalid("A comparator is for fields that are times, not for " + strconv.Quote(filter.Key) + ".")
		}
	}
	for _, text := range texts {
		if utf8.RuneCountInString(text) > maxSearchValue {
			return invalid(fmt.Sprintf("1 validation error detected: Value of a search failed to satisfy constraint: Member must have length less than or equal to %d", maxSearchValue))
		}
	}
	for _, c := range in.SortCriteria {
		if err := oneOf("sortCriteria.sort", c.Sort, "ASC", "DESC"); err != nil {
			return err
		}
	}
	return oneOf("resourceShareType", in.ResourceShareType, "FOREIGN", "ALL", "FEDERATED")
}

// foundTable is a table with what it is sorted by: the criteria's fields, then its database and name.
type foundTable struct {
	table *catalog.Table
	key   []string
}

func (s *server) search(ctx context.Context, in *searchRequest) ([]foundTable, error) {
	if in.ResourceShareType == "FOREIGN" || in.ResourceShareType == "FEDERATED" { // tables of other accounts: there are none
		return nil, nil
	}
	databases, err := s.catalog.GetDatabases(ctx)
	if err != nil {
		return nil, err
	}
	var found []foundTable
	for _, d := range databases {
		tables, err := s.catalog.GetTables(ctx, d.Name)
		if err != nil {
			return nil, err
		}
		for _, t := range tables {
			selected, err := selects(in, t)
			if err != nil {
				return nil, err
			}
			if !selected {
				continue
			}
			f := foundTable{table: t}
			for _, c := range in.SortCriteria {
				field, ok := searchField(t, c.FieldName)
				if !ok {
					return nil, invalid("Tables cannot be sorted by " + strconv.Quote(c.FieldName) + ".")
				}
				f.key = append(f.key, field)
			}
			f.key = append(f.key, t.DatabaseName, t.Name)
			found = append(found, f)
		}
	}
	return found, nil
}

func compareFound(criteria []sortCriterion, a, b []string) int {
	for i := range a {
		c := cmp.Compare(a[i], b[i])
		if i < len(criteria) && criteria[i].Sort == "DESC" {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

// searchField returns a field as text that sorts like it.
func searchField(t *catalog.Table, name string) (string, bool) {
	switch strings.ToLower(name) {
	case "name":
		return t.Name, true
	case "databasename":
		return t.DatabaseName, true
	case "description":
		return t.Description, true
	case "owner":
		return t.Owner, true
	case "tabletype":
		return t.TableType, true
	case "createtime":
		return sortable(t.CreateTime), true
	case "updatetime":
		return sortable(t.UpdateTime), true
	}
	return "", false
}

func sortable(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

func selects(in *searchRequest, t *catalog.Table) (bool, error) {
	for _, filter := range in.Filters {
		matches, err := filter.matches(t)
		if err != nil || !matches {
			return false, err
		}
	}
	return in.SearchText == "" || containsText(t, in.SearchText), nil
}

// matches compares instants by the comparator. Any other field matches if it, or one of the words in it, is the value.
func (f searchFilter) matches(t *catalog.Table) (bool, error) {
	field, ok := searchField(t, f.Key)
	if !ok {
		return false, invalid("Tables cannot be searched by " + strconv.Quote(f.Key) + ".")
	}
	if f.byTime() {
		at, err := time.Parse(time.RFC3339, f.Value)
		if err != nil {
			return false, invalid(fmt.Sprintf("%q is not a time such as 2024-05-01T00:00:00Z.", f.Value))
		}
		switch c := cmp.Compare(field, sortable(at)); f.Comparator {
		case "", "EQUALS":
			return c == 0, nil
		case "GREATER_THAN":
			return c > 0, nil
		case "GREATER_THAN_EQUALS":
			return c >= 0, nil
		case "LESS_THAN":
			return c < 0, nil
		case "LESS_THAN_EQUALS":
			return c <= 0, nil
		default:
			return false, invalid("The comparator " + strconv.Quote(f.Comparator) + " is unknown.")
		}
	}
	words := strings.FieldsFunc(field, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return slices.ContainsFunc(append(words, field), func(word string) bool { return strings.EqualFold(word, f.Value) }), nil
}

func (f searchFilter) byTime() bool { return strings.HasSuffix(strings.ToLower(f.Key), "time") }

// containsText looks for a text in any case; in quotes, for a text that is a whole name, comment or value.
func containsText(t *catalog.Table, text string) bool {
	texts := []string{t.Name, t.DatabaseName, t.Description, t.Owner}
	for _, column := range slices.Concat(t.StorageDescriptor.Columns, t.PartitionKeys) {
		texts = append(texts, column.Name, column.Comment)
	}
	for _, value := range t.Parameters {
		texts = append(texts, value)
	}
	if len(text) > 1 && text[0] == '"' && text[len(text)-1] == '"' {
		return slices.ContainsFunc(texts, func(s string) bool { return strings.EqualFold(s, text[1:len(text)-1]) })
	}
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(strings.ToLower(s), strings.ToLower(text)) })
}
