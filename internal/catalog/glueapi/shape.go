package glueapi

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/catalog"
)

// The catalog's model has the API's member names. The shapes here are the model with instants as the protocol writes them and, in
// requests, with the members that the catalog doesn't keep.

type databaseShape struct {
	*catalog.Database
	CreateTime awsjson.Time `json:"CreateTime"`
	CatalogID  string       `json:"CatalogId"`
}

func (s *server) database(d *catalog.Database) databaseShape {
	return databaseShape{d, awsjson.Time{Time: d.CreateTime}, s.Account}
}

type tableShape struct {
	*catalog.Table
	CreateTime                    awsjson.Time `json:"CreateTime"`
	UpdateTime                    awsjson.Time `json:"UpdateTime"`
	IsRegisteredWithLakeFormation bool         `json:"IsRegisteredWithLakeFormation"`
	CatalogID                     string       `json:"CatalogId"`
}

func (s *server) table(t *catalog.Table) tableShape {
	return tableShape{Table: t, CreateTime: awsjson.Time{Time: t.CreateTime}, UpdateTime: awsjson.Time{Time: t.UpdateTime}, CatalogID: s.Account}
}

type partitionShape struct {
	*catalog.Partition
	CreationTime awsjson.Time `json:"CreationTime"`
	CatalogID    string       `json:"CatalogId"`
}

func (s *server) partitions(ps []*catalog.Partition) []partitionShape {
	shapes := make([]partitionShape, len(ps))
	for i, p := range ps {
		shapes[i] = partitionShape{p, awsjson.Time{Time: p.CreationTime}, s.Account}
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
	CreateTableDefaultPermissions unkept // granted to IAM_ALLOWED_PRINCIPALS by clients that copy a database; IAM alone decides here
	TargetDatabase                unkept
	FederatedDatabase             unkept
}

func (d *databaseInput) model() (catalog.Database, error) {
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
	TargetTable       unkept
	ViewDefinition    unkept
}

func (t *tableInput) model() (catalog.TableInput, error) {
	var err error
	if t.TableInput.StorageDescriptor, err = t.StorageDescriptor.model(); err != nil {
		return catalog.TableInput{}, err
	}
	return t.TableInput, refuseUnkept("TargetTable", t.TargetTable, "ViewDefinition", t.ViewDefinition)
}

type partitionInput struct {
	catalog.PartitionInput
	StorageDescriptor descriptorInput
}

func (p *partitionInput) model() (catalog.PartitionInput, error) {
	var err error
	p.PartitionInput.StorageDescriptor, err = p.StorageDescriptor.model()
	return p.PartitionInput, err
}

// errorDetail is the error of one item of a batch.
type errorDetail struct {
	ErrorCode    string
	ErrorMessage string
}

// detail returns the detail of a refusal and whether err is one.
func detail(err error) (errorDetail, bool) {
	e, ok := exception(err).(*awsjson.Error)
	if !ok {
		return errorDetail{}, false
	}
	return errorDetail{e.Code, e.Message}, true
}
