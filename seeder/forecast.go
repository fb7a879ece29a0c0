package seeder

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/swarmstake/swarmstake/seeder/choose"
	"github.com/swarmstake/swarmstake/seeder/dashboard"
	"github.com/swarmstake/swarmstake/tokens"
)

// forecastFile keeps what was expected of each day and what it brought.
const forecastFile = "forecast.json"

// loadForecast reads the record; one that cannot be read begins anew.
func loadForecast(stateDir string) (l choose.Ledger, err error) {
	err = readJSON(filepath.Join(stateDir, forecastFile), &l)
	if errors.Is(err, fs.ErrNotExist) {
		return choose.Ledger{}, nil
	}
	return l, err
}

// forecast records what the plan expects of the day to come.
func (d *Daemon) forecast(plan choose.Plan, bias int64) {
	var sum tokens.Amount
	for _, list := range [][]choose.Choice{plan.Keep, plan.Add} {
		for _, c := range list {
			sum += c.PerDay()
		}
	}
	d.editForecast(func(l *choose.Ledger) { l.Expect(choose.Date(d.now().Add(24*time.Hour)), sum, bias) })
}

// noteEarned records what the ledger says of the last days. Uploads are the member's: what other
// clients of theirs earn counts too.
func (d *Daemon) noteEarned(e Earnings) {
	d.editForecast(func(l *choose.Ledger) {
		for _, day := range e.Days {
			l.Earned(day.Date, utok(day.Upload)+utok(day.Hosting)+utok(day.Hot)+utok(day.Sponsors))
		}
	})
}

func (d *Daemon) editForecast(edit func(*choose.Ledger)) {
	d.forecasting.Lock()
	defer d.forecasting.Unlock()
	l, err := loadForecast(d.cfg.StateDir)
	if err != nil {
		d.log.Warn("past forecasts cannot be read; beginning anew", "error", err)
		l = choose.Ledger{}
	}
	was, _ := json.Marshal(l)
	edit(&l)
	if is, _ := json.Marshal(l); bytes.Equal(was, is) { // as most times: a disk has better things to do
		return
	}
	if err := writeJSON(filepath.Join(d.cfg.StateDir, forecastFile), l); err != nil {
		d.log.Error("remembering the forecast", "error", err)
	}
}

// viewForecast shows the past forecasts that turned out.
func (d *Daemon) viewForecast(expected tokens.Amount) dashboard.Forecast {
	d.forecasting.Lock()
	defer d.forecasting.Unlock()
	l, _ := loadForecast(d.cfg.StateDir) // editForecast says so
	today := choose.Date(d.now())
	f := dashboard.Forecast{Expected: expected, BiasPPM: l.BiasPPM(today), Days: []dashboard.ForecastDay{}}
	for _, day := range l.Days[max(0, len(l.Days)-earningsDays):] {
		if day.Expected != nil && day.Earned != nil && day.Date <= today {
			f.Days = append(f.Days, dashboard.ForecastDay{Date: day.Date, Expected: *day.Expected, Earned: *day.Earned})
		}
	}
	return f
}
