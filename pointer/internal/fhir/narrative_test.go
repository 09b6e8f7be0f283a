// SPDX-License-Identifier: Apache-2.0

package fhir_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/nrlsecurity/nrlsecurity/pointer/internal/fhir"
)

func TestWhatANarrativeIs(t *testing.T) {
	t.Parallel()
	const div = `<div xmlns="http://www.w3.org/1999/xhtml">`
	for s, want := range map[string]bool{
		div + `x</div>`: true,
		`<div xmlns="http://www.w3.org/1999/xhtml"/>`:                true,
		div + `<p class="a" xml:lang="cy">x &amp; y<br/></p></div>`:  true,
		div + `<a href="https://x.example/?a=b:c">x</a></div>`:       true,
		div + `<a href="#a:b">x</a><img src="a/b:c" alt="x"/></div>`: true,
		div + `<div><div>x</div></div></div>`:                        true,
		`x`:                                                          false,
		``:                                                           false,
		`<div>x</div>`:                                               false, // of no namespace
		div:                                                          false,
		div + `x</div>x`:                                             false,
		div + `x</div> `:                                             false,
		` ` + div + `x</div>`:                                        false,
		div + `x</div>` + div + `x</div>`:                            false,
		div + `x</div><status value="x"/>`:                           false,
		div + `x</div></text><custodian/><text>`:                     false,
		div + `</text></div>`:                                        false,
		div + `&nbsp;</div>`:                                         false,
		div + `<![CDATA[x]]></div>`:                                  false,
		div + `<?x?></div>`:                                          false,
		div + `<x:p/></div>`:                                         false,
		div + "\x01</div>":                                           false,
		div + `<script>x</script></div>`:                             false,
		div + `<form/></div>`:                                        false,
		div + `<p onclick="x">x</p></div>`:                           false,
		div + `<a href="javascript:x">x</a></div>`:                   false,
		div + `<a href=" JavaScript&#58;x">x</a></div>`:              false,
		div + `<q cite="javascript:x">x</q></div>`:                   false,
		div + `<img src="a" longdesc="javascript:x"/></div>`:         false,
		div + `<a href="java&#9;script:x">x</a></div>`:               false,
		div + `<img src="data:image/png;base64,x"/></div>`:           false,
		div + `<custodian/></div>`:                                   false,
		div + `<p style="color: #ff0000; margin: 0 1.5em; width: 50%">x</p></div>`:                                 true,
		div + `<p style="color: rgb(255, 0, 0); background-color: RGBA(0,0,0,.5); font-family: 'x y'">x</p></div>`: true,
		div + `<p style="background: url(javascript:x)">x</p></div>`:                                               false,
		div + `<p style="background: URL ( 'https://x.example/a' )">x</p></div>`:                                   false,
		div + `<p style="background: u\72l(javascript:x)">x</p></div>`:                                             false,
		div + `<p style="background: url&#40;javascript:x)">x</p></div>`:                                           false,
		div + `<p style="background: url/**/(javascript:x)">x</p></div>`:                                           false,
		div + `<p style="width: expression(x)">x</p></div>`:                                                        false,
		div + `<p style="background: image-set('javascript:x' 1x)">x</p></div>`:                                    false,
		div + `<p style="width: (x)">x</p></div>`:                                                                  false,
		div + `<p style="width: xrgb(1)">x</p></div>`:                                                              false,
		div + `<p style="@import 'x'">x</p></div>`:                                                                 false,
		div + `<p style="x{y:z}">x</p></div>`:                                                                      false,
		div + `<p style="width: ｕｒｌ(x)">x</p></div>`:                                                               false,
		`<div xmlns="http://hl7.org/fhir">x</div>`:                                                                 false,
		`<divx xmlns="http://www.w3.org/1999/xhtml"></divx>`:                                                       false,
	} {
		assert.Equal(t, want, fhir.IsNarrative(s), s)
	}
}
