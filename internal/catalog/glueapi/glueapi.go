// Package glueapi gives the embedded catalog the AWS Glue Data Catalog's API, so that whatever speaks to Glue (an AWS SDK, awscli,
// awswrangler, Spark's Hive client) speaks to it.
//
// The protocol is AWS JSON 1.1 with the target AWSGlue. Shapes, limits, batches with one error an item, paging and exceptions are
// those of the AWS Glue Web API Reference, "Catalog", "Database", "Table", "Partition", "User-defined functions", "Column statistics"
// and "Tags". A member that carries meaning and that the embedded catalog doesn't keep is refused by name with InvalidInputException.
// Operations of Glue that are not here (crawlers, jobs, connections, schema registries, federated catalogs) are answered with
// UnknownOperationException and their name.
//
// The handler trusts the caller that the context names: signatures are verified before it (package sigv4).
package glueapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/refract-io/refract/internal/aws/awsjson"
	"github.com/refract-io/refract/internal/catalog"
)

// Authorizer decides what the caller of a request, whom the context names, may do. It is asked once a request, before anything is
// read or changed. It must be safe for concurrent use.
type Authorizer interface {
	// Authorize returns nil if the caller may do action ("glue:GetTable") to every one of the resources (ARNs, the ancestors
	// first), or a *policy.DeniedError, whose text answers the request. Other errors are failures of the service.
	Authorize(ctx context.Context, action string, resources []string) error
}

// Config says what a catalog is called.
type Config struct {
	// Partition is "aws", "aws-cn" or "aws-us-gov"; Account has 12 digits and is the catalog's id; Region is like "eu-central-1".
	Partition, Account, Region string
	Log                        *slog.Logger
}

// New returns the API of a catalog.
func New(c *catalog.Embedded, auth Authorizer, config Config) http.Handler {
	s := &server{catalog: c, auth: auth, Config: config}
	return &awsjson.Service{
		Target: "AWSGlue", Internal: "InternalServiceException", Log: config.Log,
		Operations: s.operations(),
	}
}

func (s *server) operations() map[string]awsjson.Operation {
	return map[string]awsjson.Operation{
		"GetDatabase":    handle(s.getDatabase),
		"GetDatabases":   handle(s.getDatabases),
		"CreateDatabase": handle(s.createDatabase),
		"UpdateDatabase": handle(s.updateDatabase),
		"DeleteDatabase": handle(s.deleteDatabase),

		"GetTable":         handle(s.getTable),
		"GetTables":        handle(s.getTables),
		"SearchTables":     handle(s.searchTables),
		"CreateTable":      handle(s.createTable),
		"UpdateTable":      handle(s.updateTable),
		"DeleteTable":      handle(s.deleteTable),
		"BatchDeleteTable": handle(s.batchDeleteTable),

		"GetTableVersion":         handle(s.getTableVersion),
		"GetTableVersions":        handle(s.getTableVersions),
		"DeleteTableVersion":      handle(s.deleteTableVersion),
		"BatchDeleteTableVersion": handle(s.batchDeleteTableVersion),

		"GetPartition":         handle(s.getPartition),
		"GetPartitions":        handle(s.getPartitions),
		"CreatePartition":      handle(s.createPartition),
		"UpdatePartition":      handle(s.updatePartition),
		"DeletePartition":      handle(s.deletePartition),
		"BatchGetPartition":    handle(s.batchGetPartition),
		"BatchCreatePartition": handle(s.batchCreatePartition),
		"BatchUpdatePartition": handle(s.batchUpdatePartition),
		"BatchDeletePartition": handle(s.batchDeletePartition),

		"GetPartitionIndexes":  handle(s.getPartitionIndexes),
		"CreatePartitionIndex": handle(s.createPartitionIndex),
		"DeletePartitionIndex": handle(s.deletePartitionIndex),

		"GetColumnStatisticsForTable":        handle(s.getTableStatistics),
		"UpdateColumnStatisticsForTable":     handle(s.updateTableStatistics),
		"DeleteColumnStatisticsForTable":     handle(s.deleteTableStatistics),
		"GetColumnStatisticsForPartition":    handle(s.getPartitionStatistics),
		"UpdateColumnStatisticsForPartition": handle(s.updatePartitionStatistics),
		"DeleteColumnStatisticsForPartition": handle(s.deletePartitionStatistics),

		"GetUserDefinedFunction":    handle(s.getFunction),
		"GetUserDefinedFunctions":   handle(s.getFunctions),
		"CreateUserDefinedFunction": handle(s.createFunction),
		"UpdateUserDefinedFunction": handle(s.updateFunction),
		"DeleteUserDefinedFunction": handle(s.deleteFunction),

		"GetTags":       handle(s.getTags),
		"TagResource":   handle(s.tagResource),
		"UntagResource": handle(s.untagResource),

		"GetCatalogImportStatus":           handle(s.getImportStatus),
		"GetDataCatalogEncryptionSettings": handle(s.getEncryptionSettings),
	}
}

type server struct {
	Config
	catalog *catalog.Embedded
	auth    Authorizer
}

// none is the answer of operations that answer nothing.
type none struct{}

// handle turns refusals into the API's exceptions.
func handle[In, Out any](f func(context.Context, *In) (Out, error)) awsjson.Operation {
	return awsjson.Handle(func(ctx context.Context, in *In) (Out, error) {
		out, err := f(ctx, in)
		return out, exception(err)
	})
}

// exception gives a refusal, of the catalog or of a policy, the form in which it is answered.
func exception(err error) error {
	if refused, ok := errors.AsType[*catalog.Error](err); ok {
		return &awsjson.Error{Code: refused.Code.Error(), Message: refused.Message}
	}
	return awsjson.Refusal(err)
}

func invalid(message string) error {
	return &catalog.Error{Code: catalog.ErrInvalidInput, Message: message}
}
