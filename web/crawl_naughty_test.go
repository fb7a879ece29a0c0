package web_test

import "strings"

// marker is in every payload that would become an element or an attribute if it were not escaped;
// evaluated is what the payload of a template would turn into.
const (
	marker    = "swx"
	evaluated = marker + "eval"
)

// hostile are texts that programs stumble over. They are our own; what each is for stands beside it.
var hostile = []string{
	"",                                       // nothing
	" \t\r\n ",                               // nothing that can be seen
	`'"><` + marker + ` on` + marker + `=1>`, // out of an attribute
	`</textarea></title></script><` + marker + `>`, // out of a text
	"javascript:" + marker + "()//",                // a link that runs
	`{{printf "%s%s" "` + marker + `" "eval"}}`,    // a template
	`' OR '1'='1' --`,                              // SQL
	`"; DROP TABLE members; --`,                    //
	`%' ESCAPE '\' OR name LIKE '%`,                // LIKE
	`" NEAR/2 * AND (NOT -x: "^`,                   // a full-text query
	"a\x00b",                                       // C strings end here
	"\x01\x1b[31m\x7f",                             // control characters
	"\xff\xfe\xc0\xaf",                             // not UTF-8
	"\u202egnp.\u2066exe\u2069\u202c",              // text that runs backwards
	"\u200b\u200d\ufeff\u00ad",                     // characters without width
	"Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘", // marks upon marks
	"田中さんにあげて下さい 👩‍👩‍👧‍👦 İıſK",                                  // more than ASCII, and case that changes lengths
	"../../../../etc/passwd",                          // paths
	`..%2f..%5c\\evil.test\share`,                     //
	"//evil.test/%2e%2e",                              // another host
	`/\evil.test`,                                     // another host, for browsers
	"https://evil.test/",                              //
	"x\r\nSet-Cookie: " + marker + "=1\r\n\r\n<html>", // another header
	"%s%n%d%!s(MISSING)",                              // formats
	"-1",                                              // numbers at and beyond their ends
	"0",                                               //
	"9223372036854775807",                             //
	"9223372036854775808",                             //
	"-9223372036854775808",                            //
	"1e400",                                           //
	"0.0000001",                                       //
	"NaN",                                             //
	"-Infinity",                                       //
	"٣٫٥",                                             // digits that are not ASCII
	"0x10",                                            //
	`["a",{"b":null}]`,                                // JSON
	strings.Repeat("long ", 4000),                     // 20 kB
	strings.Repeat("9", 400),                          //
}

// worst are for places where all of hostile would take too long.
var worst = []string{hostile[2], hostile[10], hostile[12], hostile[13], hostile[27], hostile[36]}

// texts are what a crawl sends.
func texts() []string {
	if raced {
		return worst
	}
	return hostile
}
