// SPDX-License-Identifier: Apache-2.0

package terminator_test

import (
	"fmt"
	"log"

	"github.com/nrlsecurity/nrlsecurity/tlsconfig/terminator"
)

// A Java program is started with java @FILE.
func ExampleRender() {
	arguments, err := terminator.Render(terminator.Java, terminator.Params{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s", arguments[:80])
	// Output:
	// # TLS as the NRL's security guidance has it.
	// -Djdk.tls.server.protocols=TLSv1.2
}
