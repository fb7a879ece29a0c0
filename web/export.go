package web

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/swarmstake/swarmstake/store"
	"github.com/swarmstake/swarmstake/tokens"
)

const (
	// exportEvery is after how many lines an export asks for more time, and exportTime how much: a
	// reader that takes fewer lines is cut off.
	exportEvery = 1000
	exportTime  = 20 * time.Second
)

// exportLine is a line of a member's export, all assets together, oldest first.
type exportLine struct {
	Row     int64          `json:"row"`
	At      time.Time      `json:"at"`
	ID      string         `json:"id"`
	Code    tokens.Code    `json:"code"`
	Ref     string         `json:"ref"`
	Asset   tokens.Asset   `json:"asset"`
	Amount  Utok           `json:"amount"` // of the asset's smallest unit; positive: came in
	Balance string         `json:"balance"`
	Other   tokens.Account `json:"other"`
}

func newExportLine(e store.MemberEntry) exportLine {
	return exportLine{e.Seq, utc(e.AtMs), e.ID, e.Code, e.Ref, e.Asset, Utok(e.Amount), e.Balance, e.Other}
}

// lineWriter writes an export in one format.
type lineWriter interface {
	begin() error
	line(exportLine) error
	end() error
}

// export sends the visitor's own transfers as they are read; nothing is held in memory. An error
// after the first byte cuts the answer off, so that half a file is never taken for a whole.
func (s *site) export(w http.ResponseWriter, r *http.Request) error {
	m := visitorOf(r).member
	out := bufio.NewWriter(w)
	var to lineWriter
	name, kind := "swarmstake-"+m.Name, ""
	switch r.URL.Query().Get("format") {
	case "", "json":
		to, name, kind = &jsonLines{out: out}, name+".json", "application/json"
	case "csv":
		to, name, kind = &csvLines{csv.NewWriter(out)}, name+".csv", "text/csv; charset=utf-8"
	default:
		return fail(http.StatusBadRequest, "format", "format must be csv or json.")
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`) // names are plain (store.CheckName)
	h.Set("Cache-Control", "no-store, private")
	err := s.exportTo(to, w, r)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		s.complain(r, "an export was cut off", "member", m.ID, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func (s *site) exportTo(to lineWriter, w http.ResponseWriter, r *http.Request) error {
	if err := to.begin(); err != nil {
		return err
	}
	n, control := 0, http.NewResponseController(w)
	err := s.Store.ExportMember(r.Context(), visitorOf(r).member.ID, store.Span{}, func(e store.MemberEntry) error {
		if n++; n%exportEvery == 0 {
			control.SetWriteDeadline(time.Now().Add(exportTime)) // where it cannot be set there is none
		}
		return to.line(newExportLine(e))
	})
	if err != nil {
		return err
	}
	return to.end()
}

// jsonLines writes one object with a list, a line for each entry.
type jsonLines struct {
	out  *bufio.Writer
	some bool
}

func (j *jsonLines) begin() error {
	_, err := j.out.WriteString(`{"transfers":[`)
	return err
}

func (j *jsonLines) line(l exportLine) error {
	raw, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if j.some {
		j.out.WriteByte(',') // bufio keeps the first error for Flush
	}
	j.some = true
	j.out.WriteByte('\n')
	_, err = j.out.Write(raw)
	return err
}

func (j *jsonLines) end() error {
	_, err := j.out.WriteString("\n]}\n")
	return err
}

type csvLines struct{ out *csv.Writer }

func (c *csvLines) begin() error {
	return c.out.Write([]string{"row", "at", "id", "code", "ref", "asset", "amount", "balance", "other"})
}

func (c *csvLines) line(l exportLine) error {
	return c.out.Write([]string{strconv.FormatInt(l.Row, 10), l.At.Format(time.RFC3339), l.ID, string(l.Code), spreadsheetSafe(l.Ref),
		string(l.Asset), strconv.FormatInt(int64(l.Amount), 10), l.Balance, string(l.Other)})
}

func (c *csvLines) end() error {
	c.out.Flush()
	return c.out.Error()
}

// spreadsheetSafe keeps a program that opens the file from taking somebody's words for a formula.
func spreadsheetSafe(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
