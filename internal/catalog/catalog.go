// Package catalog is the AWS Glue Data Catalog's model and the interface that Refract's own code uses towards any catalog.
//
// Names, fields and behaviour are Glue's (AWS Glue Web API Reference, "Catalog"): databases hold tables, tables have a storage
// descriptor, partition keys and versions, partitions carry a storage descriptor of their own. Beside them Glue keeps what engines and
// tools put there: column statistics, partition indexes, user-defined functions and tags. Refract's own code needs none of these; they
// are methods of the embedded catalog alone.
package catalog

import (
	"context"
	"errors"
	"fmt"
)

// The errors of the Glue API that callers act on. Use errors.Is.
var (
	ErrNotFound               = errors.New("EntityNotFoundException")
	ErrAlreadyExists          = errors.New("AlreadyExistsException")
	ErrConcurrentModification = errors.New("ConcurrentModificationException")
	ErrInvalidInput           = errors.New("InvalidInputException")
	ErrAccessDenied           = errors.New("AccessDeniedException")
	ErrLimitExceeded          = errors.New("ResourceNumberLimitExceededException")
)

// Batch limits of the Glue API: partitions per call.
const (
	MaxBatchCreate = 100
	MaxBatchUpdate = 100
	MaxBatchGet    = 1000
	MaxBatchDelete = 25
)

// PartitionError is one partition's failure in a batch call.
type PartitionError struct {
	Values []string
	Err    error
}

// BatchError is returned by batch calls of which some items failed; the other items took effect.
type BatchError struct{ Failed []PartitionError }

// Error names the first failure and the number of them.
func (e *BatchError) Error() string {
	return fmt.Sprintf("%d partitions failed, the first of them %v: %v", len(e.Failed), e.Failed[0].Values, e.Failed[0].Err)
}

// Catalog is what Refract needs of the Glue Data Catalog. Names are folded to lower case. Methods are safe for concurrent use.
// Every call is atomic; none retries. Throttling and network errors are fault.Transient, missing permissions fault.Setup (and
// match ErrAccessDenied).
type Catalog interface {
	GetDatabase(ctx context.Context, name string) (*Database, error)
	GetDatabases(ctx context.Context) ([]*Database, error)
	CreateDatabase(ctx context.Context, d Database) error
	DeleteDatabase(ctx context.Context, name string) error

	GetTable(ctx context.Context, database, name string) (*Table, error)
	GetTables(ctx context.Context, database string) ([]*Table, error)
	CreateTable(ctx context.Context, database string, t TableInput) error
	// UpdateTable replaces the definition. A non-empty versionID that is not the table's current VersionID fails with
	// ErrConcurrentModification; with an empty one, so may a change by somebody else during the call. skipArchive keeps no version of
	// the replaced definition.
	UpdateTable(ctx context.Context, database string, t TableInput, versionID string, skipArchive bool) error
	DeleteTable(ctx context.Context, database, name string) error
	GetTableVersions(ctx context.Context, database, name string) ([]*Table, error)

	GetPartition(ctx context.Context, database, table string, values []string) (*Partition, error)
	// GetPartitions returns the partitions that the expression selects (all for ""), in the byte order of their values, the first
	// value first. Package expression describes the language. Partitions may share lists and maps: don't change them in place.
	GetPartitions(ctx context.Context, database, table, expression string) ([]*Partition, error)
	// BatchCreatePartition creates at most MaxBatchCreate partitions. Existing ones are reported in a *BatchError with
	// ErrAlreadyExists and are left as they are.
	BatchCreatePartition(ctx context.Context, database, table string, ps []PartitionInput) error
	// BatchUpdatePartition replaces at most MaxBatchUpdate partitions that exist; their values stay.
	BatchUpdatePartition(ctx context.Context, database, table string, ps []PartitionInput) error
	// BatchDeletePartition deletes at most MaxBatchDelete partitions.
	BatchDeletePartition(ctx context.Context, database, table string, values [][]string) error
}
