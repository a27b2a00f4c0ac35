package glueapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/catalog"
)

// The catalog's model has the API's member names. The shapes here are the model with instants as the protocol writes them and, in
// requests, with the members that the catalog doesn't keep.

type databaseShape struct {
	*catalog.Database
	CreateTime                    awsjson.Time `json:"CreateTime"`
	CatalogID                     string       `json:"CatalogId"`
	CreateTableDefaultPermissions []permission
}

func (s *server) database(d *catalog.Database) databaseShape {
	return databaseShape{d, awsjson.Time{Time: d.CreateTime}, s.Account, byIAMAlone}
}

// permission is Glue's PrincipalPermissions.
type permission struct {
	Principal   struct{ DataLakePrincipalIdentifier string }
	Permissions []string
}

// byIAMAlone is what Glue grants on the tables of a new database unless it is told otherwise: IAM alone decides, as it does here.
var byIAMAlone = []permission{{Principal: struct{ DataLakePrincipalIdentifier string }{"IAM_ALLOWED_PRINCIPALS"}, Permissions: []string{"ALL"}}}

type tableShape struct {
	*catalog.Table
	CreateTime                    awsjson.Time `json:"CreateTime"`
	UpdateTime                    awsjson.Time `json:"UpdateTime"`
	LastAccessTime                awsjson.Time `json:"LastAccessTime,omitzero"`
	LastAnalyzedTime              awsjson.Time `json:"LastAnalyzedTime,omitzero"`
	IsRegisteredWithLakeFormation bool         `json:"IsRegisteredWithLakeFormation"`
	CatalogID                     string       `json:"CatalogId"`
}

func (s *server) table(t *catalog.Table) tableShape {
	return tableShape{
		Table: t, CreateTime: awsjson.Time{Time: t.CreateTime}, UpdateTime: awsjson.Time{Time: t.UpdateTime},
		LastAccessTime: awsjson.Time{Time: t.LastAccessTime}, LastAnalyzedTime: awsjson.Time{Time: t.LastAnalyzedTime}, CatalogID: s.Account,
	}
}

type partitionShape struct {
	*catalog.Partition
	CreationTime     awsjson.Time `json:"CreationTime"`
	LastAccessTime   awsjson.Time `json:"LastAccessTime,omitzero"`
	LastAnalyzedTime awsjson.Time `json:"LastAnalyzedTime,omitzero"`
	CatalogID        string       `json:"CatalogId"`
}

func (s *server) partitions(ps []*catalog.Partition) []partitionShape {
	shapes := make([]partitionShape, len(ps))
	for i, p := range ps {
		shapes[i] = partitionShape{
			Partition: p, CreationTime: awsjson.Time{Time: p.CreationTime},
			LastAccessTime: awsjson.Time{Time: p.LastAccessTime}, LastAnalyzedTime: awsjson.Time{Time: p.LastAnalyzedTime}, CatalogID: s.Account,
		}
	}
	return shapes
}

// unkept is a member that the catalog has no place for.
type unkept struct{ raw json.RawMessage }

// UnmarshalJSON keeps the member's text.
func (u *unkept) UnmarshalJSON(text []byte) error {
	u.raw = bytes.Clone(text)
	return nil
}

// empty reports whether leaving the member out loses nothing.
func (u unkept) empty() bool {
	switch string(u.raw) {
	case "", "null", "{}", "[]", `""`, "false":
		return true
	}
	return false
}

// refuseUnkept refuses the first of members, given as name and member in turns, that has content.
func refuseUnkept(members ...any) error {
	for i := 0; i < len(members); i += 2 {
		if !members[i+1].(unkept).empty() {
			return invalid(fmt.Sprintf("%s is not supported by this catalog.", members[i]))
		}
	}
	return nil
}

type databaseInput struct {
	catalog.Database
	CreateTableDefaultPermissions []permission
	TargetDatabase                unkept
	FederatedDatabase             unkept
}

func (d *databaseInput) model() (catalog.Database, error) {
	for _, p := range d.CreateTableDefaultPermissions { // clients that copy a database send what they were answered
		if p.Principal != byIAMAlone[0].Principal || !slices.Equal(p.Permissions, byIAMAlone[0].Permissions) {
			return catalog.Database{}, invalid("CreateTableDefaultPermissions is not supported by this catalog: it has no Lake Formation, and IAM alone decides.")
		}
	}
	return d.Database, refuseUnkept("TargetDatabase", d.TargetDatabase, "FederatedDatabase", d.FederatedDatabase)
}

type descriptorInput struct {
	catalog.StorageDescriptor
	AdditionalLocations unkept
	SchemaReference     unkept
	SkewedInfo          struct {
		SkewedColumnNames             unkept
		SkewedColumnValues            unkept
		SkewedColumnValueLocationMaps unkept
	}
}

func (d *descriptorInput) model() (catalog.StorageDescriptor, error) {
	return d.StorageDescriptor, refuseUnkept("AdditionalLocations", d.AdditionalLocations, "SchemaReference", d.SchemaReference,
		"SkewedInfo", d.SkewedInfo.SkewedColumnNames, "SkewedInfo", d.SkewedInfo.SkewedColumnValues,
		"SkewedInfo", d.SkewedInfo.SkewedColumnValueLocationMaps)
}

type tableInput struct {
	catalog.TableInput
	StorageDescriptor descriptorInput
	LastAccessTime    awsjson.Time
	LastAnalyzedTime  awsjson.Time
	TargetTable       unkept
	FederatedTable    unkept
	ViewDefinition    unkept
}

func (t *tableInput) model() (catalog.TableInput, error) {
	var err error
	if t.TableInput.StorageDescriptor, err = t.StorageDescriptor.model(); err != nil {
		return catalog.TableInput{}, err
	}
	t.TableInput.LastAccessTime, t.TableInput.LastAnalyzedTime = t.LastAccessTime.Time, t.LastAnalyzedTime.Time
	return t.TableInput, refuseUnkept("TargetTable", t.TargetTable, "FederatedTable", t.FederatedTable, "ViewDefinition", t.ViewDefinition)
}

type partitionInput struct {
	catalog.PartitionInput
	StorageDescriptor descriptorInput
	LastAccessTime    awsjson.Time
	LastAnalyzedTime  awsjson.Time
}

func (p *partitionInput) model() (catalog.PartitionInput, error) {
	var err error
	p.PartitionInput.StorageDescriptor, err = p.StorageDescriptor.model()
	p.PartitionInput.LastAccessTime, p.PartitionInput.LastAnalyzedTime = p.LastAccessTime.Time, p.LastAnalyzedTime.Time
	return p.PartitionInput, err
}

// errorDetail is the error of one item of a batch.
type errorDetail struct {
	ErrorCode    string
	ErrorMessage string
}

// detail returns the detail of a refusal. Any other error is returned: it fails the whole request.
func detail(err error) (errorDetail, error) {
	e, ok := exception(err).(*awsjson.Error)
	if !ok {
		return errorDetail{}, err
	}
	return errorDetail{e.Code, e.Message}, nil
}

// batchAnswer lists the items of a batch that failed. The others took effect.
type batchAnswer[T any] struct{ Errors []T }

// batchOf makes the answer to a batch of its failed items, each turned into its shape by item, or returns err.
func batchOf[F, T any](failed []F, err error, item func(F) (T, error)) (*batchAnswer[T], error) {
	if err != nil {
		return nil, err
	}
	out := &batchAnswer[T]{Errors: []T{}}
	for _, f := range failed {
		shape, err := item(f)
		if err != nil {
			return nil, err
		}
		out.Errors = append(out.Errors, shape)
	}
	return out, nil
}
