package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// maxImportRows bounds a table: each row is kept until all of them were checked.
const maxImportRows = 1_000_000

func importCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Move an existing community in: members from a CSV, torrents from a folder",
		Long: `Takes in what another tracker had. Everything is checked before anything is written, what is there
already is left as it is, and a command that was interrupted is simply repeated.

Members first, then torrents, since a torrent has an uploader:

  swarmstake import members members.csv --links links.csv --data DIR
  swarmstake import torrents FOLDER --uploader NAME --keep-infohash --approve --data DIR

Both work beside a running server or without one; --dry-run only checks.`,
	}
	cmd.AddCommand(importMembersCmd(), importTorrentsCmd())
	return cmd
}

// tableRow is a row of a CSV by its columns; what the table has no column for is empty.
type tableRow struct {
	line   int
	values map[string]string
}

func (r tableRow) get(column string) string { return strings.TrimSpace(r.values[column]) }

// readTable reads a CSV whose first line names its columns, in any order: need must be there, may can be.
func readTable(path string, need, may []string) ([]tableRow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := parseTable(f, need, may)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rows, nil
}

func parseTable(in io.Reader, need, may []string) ([]tableRow, error) {
	table := csv.NewReader(in)
	head, err := table.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty: its first line names the columns %s", strings.Join(slices.Concat(need, may), ", "))
	}
	if err != nil {
		return nil, err
	}
	if err := checkColumns(head, need, may); err != nil {
		return nil, err
	}
	var rows []tableRow
	for {
		record, err := table.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		if len(rows) == maxImportRows {
			return nil, fmt.Errorf("more than %d rows: split the file", maxImportRows)
		}
		line, _ := table.FieldPos(0)
		row := tableRow{line, make(map[string]string, len(head))}
		for i, name := range head {
			row.values[name] = record[i]
		}
		rows = append(rows, row)
	}
}

// checkColumns also makes their names plain.
func checkColumns(head, need, may []string) error {
	known := slices.Concat(need, may)
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(name, "\ufeff"))) // as spreadsheets begin a file
		head[i] = name
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no column %q: %s", name, strings.Join(known, ", "))
		}
		if slices.Contains(head[:i], name) {
			return fmt.Errorf("the column %q is there twice", name)
		}
	}
	for _, name := range need {
		if !slices.Contains(head, name) {
			return fmt.Errorf("the column %q is missing", name)
		}
	}
	return nil
}

// yes reads a cell that says yes or no; empty is no.
func yes(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "true", "1":
		return true, nil
	case "", "no", "false", "0":
		return false, nil
	}
	return false, fmt.Errorf("%q: want yes or no", text)
}

// problems are what is wrong with rows or files, bounded in number when they are told.
type problems []error

// maxProblems is how many are told.
const maxProblems = 50

func (p problems) err(what string) error {
	if len(p) == 0 {
		return nil
	}
	told := p[:min(len(p), maxProblems)]
	text := fmt.Sprintf("nothing was imported, since %d %s cannot be:", len(p), what)
	for _, err := range told {
		text += "\n  " + err.Error()
	}
	if len(p) > len(told) {
		text += fmt.Sprintf("\n  … and %d more", len(p)-len(told))
	}
	return errors.New(text)
}

// csvFile is a table that a command writes, a line at a time, for its owner alone; nil: nobody wants it.
type csvFile struct {
	f   *os.File
	csv *csv.Writer
}

// openCSV opens the file at path, if there is one, with os.O_APPEND or os.O_TRUNC; an empty one gets a head.
func openCSV(path string, how int, head ...string) (*csvFile, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|how, 0o600)
	if err != nil {
		return nil, err
	}
	c := &csvFile{f, csv.NewWriter(f)}
	at, err := f.Stat()
	if err == nil && at.Size() == 0 {
		err = c.add(head...)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return c, nil
}

func (c *csvFile) add(fields ...string) error {
	if c == nil {
		return nil
	}
	if err := c.csv.Write(fields); err != nil {
		return err
	}
	c.csv.Flush()
	return c.csv.Error()
}

func (c *csvFile) close() error {
	if c == nil {
		return nil
	}
	return errors.Join(c.f.Sync(), c.f.Close())
}
