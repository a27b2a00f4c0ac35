// Package schema turns properties into typed columns, as Mixpanel's schematized pipelines do (Mixpanel, "Schematized Export
// Pipeline", transformation rules): a column per property and type, under a name that warehouses take.
//
// # Names
//
// [Clean] makes a name of a property or an event:
//
//  1. one leading $ is taken off and remembered;
//  2. each character but A-Z, a-z, 0-9 and _ becomes _, and letters lower case;
//  3. mp_ is put before a name that began with $;
//  4. _ is put before a name that begins with a digit, and an empty name is _;
//  5. res_ is put before a reserved word of Amazon Redshift (reserved.txt, in lower case);
//  6. the name is cut off after 128 characters.
//
// The column of the first type that a property is seen with has the bare name. A later type has a suffix: _string, _number,
// _boolean, _list, _object. A name that is taken gets the suffix _1, _2 and so on, the lowest that is free, in order of first
// appearance. Before a suffix the name is cut so that the whole has 128 characters.
//
// # Types
//
//	JSON value          type      Glue type   column
//	string              string    string      the text
//	number              number    double      the nearest double
//	true, false         boolean   boolean
//	array               list      string      its JSON text
//	object              object    string      its JSON text
//	null                none      -           no value, no vote on the type
//
// Lists and objects do not share a column with texts or each other, so that JSON functions meet nothing but what they take: one text
// that is no JSON fails a whole query.
//
// A number column is a double for whole numbers and fractions alike; a property that is 10 in one event and 9.99 in the next stays one
// column. A number that a double does not keep, an id of 18 digits for example, is also written as text, as it was sent, to the
// column <name>_exact, which appears with the first such number. A double keeps a number if, printed with as many digits as that has,
// it is the same number. Beyond the range of doubles the number column is null and <name>_exact alone holds it.
//
// # Tables
//
// A [Mapping] holds the tables of one pipeline and what has been assigned. It only grows: a name, once given, is given for ever, and a
// new column comes last. It is assigned in order of first appearance, so that a mapping is a function of the mapping before it and the
// rows since. Stored as JSON it is also the file that tells users which property became which column.
//
// Beyond the table's limit of columns (9,500) further properties, and further types of known ones, go to the column mp_properties as
// the members of a JSON object, with the names and texts they were sent with.
//
// A [Shredder] takes rows and fills the columns of a table in a group, which becomes a row group of a Parquet file or, row by row with
// [Table.AppendRow], JSON lines of the same columns and values.
package schema
