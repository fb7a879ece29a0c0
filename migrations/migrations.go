// Package migrations embeds the numbered SQL files that make and upgrade the database. Files are
// never edited once released: a change is a new file.
package migrations

import "embed"

// FS holds the migrations in goose's format, named NNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS
