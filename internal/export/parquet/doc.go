// Package parquet writes the Parquet files of schematized tables: flat rows, in the narrow dialect that Redshift Spectrum is
// documented or measured to read.
//
// # The dialect
//
// AWS does not say which parts of the format Spectrum reads. This is what AWS's own writers emit (UNLOAD, Firehose), plus what files
// that real Redshift has loaded hold:
//
//	footer        version 1, no page index, no bloom filters, column_orders TYPE_ORDER
//	columns       optional, flat, in the order given: by position and by name give the same table
//	types         string BYTE_ARRAY UTF8, bigint INT64 INT_64, double DOUBLE, boolean BOOLEAN,
//	              timestamp INT64 TIMESTAMP_MICROS in whole milliseconds, UTC
//	pages         DATA_PAGE (version 1), at most about 1 MiB, SNAPPY
//	encodings     PLAIN, or RLE_DICTIONARY with a PLAIN dictionary page; definition levels RLE
//	row groups    at most 128 MB uncompressed, which is what Spectrum takes at once
//	statistics    null_count and min/max; long strings are shortened so that the bounds still hold
//
// Timestamps need the ConvertedType: Redshift ignores the newer LogicalType and shows a timestamp without ConvertedType as some
// far year. The LogicalType beside it (not UTC-adjusted) makes other readers take the column for a timestamp without time zone, as
// Glue's type says. Microseconds hold whole milliseconds, since Athena's timestamps have no finer digits.
//
// A file is a function of its rows: the same groups give the same bytes.
//
// # Use
//
// Rows are collected in a [Group], column by column, in the layout that pages have; a [Writer] writes groups as row groups. Both keep
// their buffers, so a long export allocates nothing per row. [CheckSpectrumSafe] reads a file's footer and page headers with another
// implementation and says what in it is outside the dialect.
package parquet
