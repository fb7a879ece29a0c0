package server

import (
	"bufio"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// PrintConfig writes every key with its effective value, as a file that Load reads.
func PrintConfig(w io.Writer, c Config) error { return PrintOrigins(w, c, nil) }

// PrintOrigins is PrintConfig with a remark where a value comes from, unless it is a default.
func PrintOrigins(w io.Writer, c Config, origins map[string]string) error {
	b := bufio.NewWriter(w)
	table := ""
	for _, k := range configKeys() {
		if k.table != table {
			table = k.table
			fmt.Fprintf(b, "\n[%s]\n", table)
		}
		fmt.Fprintf(b, "%s = %s", k.last(), literal(k.in(&c)))
		if from := origins[k.name]; from != "" {
			fmt.Fprintf(b, " # %s", from)
		}
		fmt.Fprintln(b)
	}
	return b.Flush()
}

const referenceHead = `# Configuration

<!-- made by 'swarmstake config reference': change the fields' tags, not this file -->

Every key, with what it is if nothing sets it. A key is set, the later winning over the earlier:

1. in a TOML file, ` + "`swarmstake serve --config FILE`" + ` (or ` + "`SWARMSTAKE_CONFIG=FILE`" + `):

       name = "Example"
       [surge]
       half_life = "5m"

2. in the environment, in capitals, with ` + "`SWARMSTAKE_`" + ` before it and two underscores for the dot:
   ` + "`SWARMSTAKE_SURGE__HALF_LIFE=5m`" + `; lists with commas: ` + "`SWARMSTAKE_TRUSTED_PROXIES=10.0.0.0/8,fd00::/8`" + `;
3. by a flag: ` + "`--data`, `--listen`, `--url`, `--dev`" + `.

` + "`swarmstake config check`" + ` prints every key with its effective value and, unless it is the default, where
that comes from, or says which value is not accepted and what would be. Durations are numbers with units (` + "`250ms`, `5m`, `1h30m`, `72h`" + `). Amounts are
whole micro-tokens (utok): 1 token is 1_000_000 utok. ppm are parts per million: 10_000 ppm is 1 %. Long
numbers may have underscores.

Keys marked with * are **parameters of the economy**: they decide what members pay and earn. They are
dated in the database. A new database has them from its first epoch on. When a later start finds another
value in the configuration, the server logs a line for it, and the value is *pending*: it comes into force
everywhere with the next epoch, and until then the old one holds, also over restarts. A pending change is
taken back by starting again with the old value. An epoch is settled by the parameters that were in force
in it. What is in force, what is pending and the whole history are public at ` + "`GET /api/v1/economy/parameters`" + `.
All other keys hold from the start that reads them.
`

// PrintReference writes the reference of all keys in Markdown.
func PrintReference(w io.Writer) error {
	b := bufio.NewWriter(w)
	b.WriteString(referenceHead)
	defaults, table := DefaultConfig(), "none yet"
	for _, k := range configKeys() {
		if k.table != table {
			table = k.table
			printTableHead(b, table)
		}
		if err := k.printRow(b, &defaults); err != nil {
			return err
		}
	}
	return b.Flush()
}

func printTableHead(w io.Writer, table string) {
	title, doc := "Above all tables", "Keys of the installation, first in the file."
	if table != "" {
		f, _ := reflect.TypeFor[Config]().FieldByNameFunc(func(name string) bool { return snake(name) == table })
		title, doc = "`["+table+"]`", capital(f.Tag.Get("doc"))+"."
	}
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n| key | default | unit | range | meaning |\n|---|---|---|---|---|\n", title, doc)
}

func (k key) printRow(w io.Writer, defaults *Config) error {
	a, err := k.accepts()
	if err != nil {
		return err
	}
	mark := ""
	if k.dated {
		mark = " *"
	}
	_, err = fmt.Fprintf(w, "| `%s`%s | `%s` | %s | %s | %s |\n", k.last(), mark, grouped(literal(k.in(defaults))), k.shownUnit(), a.text, k.doc())
	return err
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
