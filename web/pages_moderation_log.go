package web

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tracker/bt"
)

const (
	// byCommand stands for what was done without the website: no member is called so (store.CheckName).
	byCommand = "-"
	// maxLogExport bounds the lines of one export, and logChunk those that are read at a time.
	maxLogExport = 50_000
	logChunk     = 500
	maxLogKind   = 40 // bytes
)

// logData is a page of the operators' log.
type logData struct {
	Rows      []store.LogLine
	Kinds     []string
	Operators []store.LogOperator
	Operator  string // a name, byCommand, or nothing
	Kind      string
	About     string // the number of the only member whose lines are shown
	More      string
	CSV       string
	Paged     bool
}

// logQuery reads which lines are asked for. An operator whom nobody knows has none.
func (s *site) logQuery(r *http.Request) (q store.LogQuery, filters url.Values, err error) {
	form := r.URL.Query()
	operator, kind, about := form.Get("operator"), form.Get("kind"), form.Get("about")
	filters = url.Values{"operator": {showable(operator)}, "kind": {showable(kind)}, "about": {showable(about)}}
	if len(kind) > maxLogKind {
		return q, filters, fail(http.StatusBadRequest, "kind", "A kind is the first word of what was done, of at most %d bytes.", maxLogKind)
	}
	q.Kind = strings.TrimSpace(kind)
	switch operator {
	case "":
	case byCommand:
		q.Commands = true
	default:
		m, err := s.Store.MemberByName(r.Context(), operator)
		if errors.Is(err, store.ErrNotFound) {
			return q, filters, fail(http.StatusBadRequest, "operator", "Nobody is called so; “-” stands for commands and the program itself.")
		}
		if err != nil {
			return q, filters, err
		}
		q.Operator = m.ID
	}
	if about != "" {
		id, err := strconv.ParseUint(about, 10, 32)
		if err != nil || id == 0 {
			return q, filters, fail(http.StatusBadRequest, "about", "about is the number of a member.")
		}
		q.About = bt.MemberID(id)
	}
	return q, filters, nil
}

// findLog reads a page of the log.
func (s *site) findLog(r *http.Request, q store.LogQuery) ([]store.LogLine, string, error) {
	after, limit, err := modPlace(r, modRows)
	if err != nil {
		return nil, "", err
	}
	q.Before, q.Limit = after.ID, limit
	list, next, err := s.Store.Log(r.Context(), q)
	return list, modNext(next), err
}

func (s *site) pageLog(_ http.ResponseWriter, r *http.Request) (*view, error) {
	q, filters, err := s.logQuery(r)
	if err != nil {
		return nil, err
	}
	rows, next, err := s.findLog(r, q)
	if err != nil {
		return nil, err
	}
	d := logData{Rows: rows, Operator: filters.Get("operator"), Kind: filters.Get("kind"), About: filters.Get("about"),
		More: modMore("/admin/log", next, filters), Paged: r.URL.Query().Get("cursor") != "", CSV: "/admin/log.csv"}
	for name, v := range filters {
		if v[0] == "" {
			filters.Del(name)
		}
	}
	if len(filters) > 0 {
		d.CSV += "?" + filters.Encode()
	}
	if d.Kinds, err = s.Store.LogKinds(r.Context()); err != nil {
		return nil, err
	}
	d.Operators, err = s.Store.LogOperators(r.Context())
	return &view{name: "admin-log", title: "Operators’ log", data: d}, err
}

func (s *site) pageLogCSV(w http.ResponseWriter, r *http.Request) (*view, error) {
	return nil, s.logCSV(w, r)
}

// logCSV sends the lines that are asked for, the newest first, as they are read. An error after the first byte cuts
// the answer off, so that half a file is never taken for a whole.
func (s *site) logCSV(w http.ResponseWriter, r *http.Request) error {
	q, _, err := s.logQuery(r)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="operators-log.csv"`)
	h.Set("Cache-Control", "no-store, private")
	out := bufio.NewWriter(w)
	if err = s.writeLog(w, r, csv.NewWriter(out), q); err == nil {
		err = out.Flush()
	}
	if err != nil {
		s.complain(r, "an export of the operators' log was cut off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (s *site) writeLog(w http.ResponseWriter, r *http.Request, to *csv.Writer, q store.LogQuery) error {
	if err := to.Write([]string{"line", "at", "operator", "action", "detail"}); err != nil {
		return err
	}
	control := http.NewResponseController(w)
	q.Limit = logChunk
	for sent := 0; sent < maxLogExport; sent += logChunk {
		control.SetWriteDeadline(time.Now().Add(exportTime)) // where it cannot be set there is none
		list, next, err := s.Store.Log(r.Context(), q)
		if err != nil {
			return err
		}
		for _, l := range list {
			err := to.Write([]string{fmt.Sprint(l.ID), utc(l.Act.AtMs).Format(time.RFC3339), l.Act.Operator, spreadsheetSafe(l.Act.Action), spreadsheetSafe(l.Act.Detail)})
			if err != nil {
				return err
			}
		}
		if q.Before = next; next == 0 {
			break
		}
	}
	to.Flush()
	return to.Error()
}
