package catalog

import "time"

// Database is a Glue database.
type Database struct {
	Name        string            `json:"Name"`
	Description string            `json:"Description,omitempty"`
	LocationURI string            `json:"LocationUri,omitempty"`
	Parameters  map[string]string `json:"Parameters,omitempty"`
	CreateTime  time.Time         `json:"CreateTime"`
}

// Column is a column or partition key. Type is a Hive type: string, bigint, double, boolean, timestamp, struct<...>.
type Column struct {
	Name       string            `json:"Name"`
	Type       string            `json:"Type"`
	Comment    string            `json:"Comment,omitempty"`
	Parameters map[string]string `json:"Parameters,omitempty"`
}

// SerDeInfo names the serializer of a table's files.
type SerDeInfo struct {
	Name                 string            `json:"Name,omitempty"`
	SerializationLibrary string            `json:"SerializationLibrary,omitempty"`
	Parameters           map[string]string `json:"Parameters,omitempty"`
}

// StorageDescriptor says where data lies and how to read it.
type StorageDescriptor struct {
	Columns                []Column          `json:"Columns"`
	Location               string            `json:"Location,omitempty"`
	InputFormat            string            `json:"InputFormat,omitempty"`
	OutputFormat           string            `json:"OutputFormat,omitempty"`
	Compressed             bool              `json:"Compressed"`
	NumberOfBuckets        int               `json:"NumberOfBuckets"`
	SerdeInfo              SerDeInfo         `json:"SerdeInfo"`
	BucketColumns          []string          `json:"BucketColumns"`
	SortColumns            []SortColumn      `json:"SortColumns"`
	Parameters             map[string]string `json:"Parameters,omitempty"`
	StoredAsSubDirectories bool              `json:"StoredAsSubDirectories"`
}

// SortColumn is Glue's Order: 1 ascending, 0 descending.
type SortColumn struct {
	Column    string `json:"Column"`
	SortOrder int    `json:"SortOrder"`
}

// TableInput is a table's definition as a caller gives it.
type TableInput struct {
	Name              string            `json:"Name"`
	Description       string            `json:"Description,omitempty"`
	Owner             string            `json:"Owner,omitempty"`
	LastAccessTime    time.Time         `json:"LastAccessTime,omitzero"`
	LastAnalyzedTime  time.Time         `json:"LastAnalyzedTime,omitzero"`
	Retention         int               `json:"Retention"`
	StorageDescriptor StorageDescriptor `json:"StorageDescriptor"`
	PartitionKeys     []Column          `json:"PartitionKeys"`
	ViewOriginalText  string            `json:"ViewOriginalText,omitempty"`
	ViewExpandedText  string            `json:"ViewExpandedText,omitempty"`
	TableType         string            `json:"TableType,omitempty"`
	Parameters        map[string]string `json:"Parameters,omitempty"`
}

// Table is a table as the catalog returns it.
type Table struct {
	TableInput
	DatabaseName string    `json:"DatabaseName"`
	CreateTime   time.Time `json:"CreateTime"`
	UpdateTime   time.Time `json:"UpdateTime"`
	// VersionID is "0" for a new table and grows by one with every update.
	VersionID string `json:"VersionId"`
}

// PartitionInput is a partition's definition. Values are in the order of the table's PartitionKeys.
type PartitionInput struct {
	Values            []string          `json:"Values"`
	StorageDescriptor StorageDescriptor `json:"StorageDescriptor"`
	Parameters        map[string]string `json:"Parameters,omitempty"`
	LastAccessTime    time.Time         `json:"LastAccessTime,omitzero"`
	LastAnalyzedTime  time.Time         `json:"LastAnalyzedTime,omitzero"`
}

// Partition is a partition as the catalog returns it.
type Partition struct {
	PartitionInput
	DatabaseName string    `json:"DatabaseName"`
	TableName    string    `json:"TableName"`
	CreationTime time.Time `json:"CreationTime"`
}
