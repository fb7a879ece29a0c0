package seeder

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStopSpan(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	span := func(from, until int) MaintenanceSpan { return MaintenanceSpan{From: at(from), Until: at(until)} }
	const day = 24 * 3600
	for name, c := range map[string]struct {
		m    Maintenance
		want MaintenanceSpan
		err  string
	}{
		"free":            {Maintenance{LeftSeconds: day}, span(0, 60), ""},
		"over before":     {Maintenance{LeftSeconds: day, Declared: []MaintenanceSpan{span(-60, -1)}}, span(0, 60), ""},
		"declared":        {Maintenance{LeftSeconds: day, Declared: []MaintenanceSpan{span(-5, 60)}}, MaintenanceSpan{}, ""},
		"nearly all":      {Maintenance{LeftSeconds: 0, Declared: []MaintenanceSpan{span(-5, 60)}}, MaintenanceSpan{}, ""},
		"begun":           {Maintenance{LeftSeconds: day, Declared: []MaintenanceSpan{span(-5, 20)}}, span(20, 60), ""},
		"begun twice":     {Maintenance{LeftSeconds: day, Declared: []MaintenanceSpan{span(20, 30), span(-5, 20)}}, span(30, 60), ""},
		"another follows": {Maintenance{LeftSeconds: day, Declared: []MaintenanceSpan{span(45, 90)}}, span(0, 45), ""},
		"little is left":  {Maintenance{LeftSeconds: 600}, span(0, 10), ""},
		"none is left":    {Maintenance{LeftSeconds: 59}, MaintenanceSpan{}, "no maintenance is left"},
	} {
		got, err := stopSpan(c.m, noon.Add(-time.Second), time.Hour)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil || !got.From.Equal(c.want.From) || !got.Until.Equal(c.want.Until) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

// declare refuses the first declarations as those that begin in the past.
func (s *nodeServer) declare(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var in MaintenanceSpan
		json.NewDecoder(r.Body).Decode(&in) //nolint:errcheck // an empty span fails the test
		if s.early--; s.early >= 0 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		s.declared = append(s.declared, in)
	}
	json.NewEncoder(w).Encode(s.maintenance) //nolint:errcheck // the client may be gone
}

func TestDeclareStop(t *testing.T) {
	for early, lead := range append(stopLeads(), 0) {
		s := newNodeServer(t)
		s.early, s.maintenance.LeftSeconds = early, 24*3600
		before := time.Now()
		err := newLoops(t, s, Settings{}).declareStop(t.Context(), time.Hour)
		if lead == 0 {
			if err == nil || len(s.declared) > 0 {
				t.Errorf("refused each time, yet %v and %v", err, s.declared)
			}
			continue
		}
		if err != nil || len(s.declared) != 1 {
			t.Fatalf("declared %v, %v", s.declared, err)
		}
		if got := s.declared[0]; got.From.Before(before.Add(lead)) || got.Until.Sub(got.From) != time.Hour {
			t.Errorf("declared %+v, want from %s on", got, before.Add(lead))
		}
	}
}

func TestDeclareStopSaysWhatIsWrong(t *testing.T) {
	s := newNodeServer(t)
	s.status = http.StatusBadGateway
	d := newLoops(t, s, Settings{})
	if err := d.declareStop(t.Context(), time.Hour); err == nil || !strings.Contains(err.Error(), "502") {
		t.Error(err)
	}
	s.set(func() { s.status = 0 })
	s.maintenance.Declared = []MaintenanceSpan{{From: time.Now().Add(-time.Hour), Until: time.Now().Add(24 * time.Hour)}}
	if err := d.declareStop(t.Context(), time.Hour); err != nil || len(s.declared) > 0 {
		t.Errorf("declared already, yet %v, %v", s.declared, err)
	}
}
