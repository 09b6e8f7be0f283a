//go:build linux && (amd64 || arm64)

package openssl

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// Both are named, because a libssl that is there without its libcrypto, or the
// other way round, deserves an error of its own. The version is part of the
// name: another major version is another ABI.
const (
	libcryptoName = "libcrypto.so.3"
	libsslName    = "libssl.so.3"
)

// load finds the libraries and every function of the table.
func load() (*library, error) {
	crypto, err := purego.Dlopen(libcryptoName, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", libcryptoName, err)
	}
	ssl, err := purego.Dlopen(libsslName, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", libsslName, err)
	}
	l := new(library)
	for _, f := range l.functions() {
		// libssl depends on libcrypto, but which of the two holds a function is not part of its interface.
		if *f.address, err = purego.Dlsym(ssl, f.name); err != nil {
			if *f.address, err = purego.Dlsym(crypto, f.name); err != nil {
				return nil, fmt.Errorf("%s and %s lack %s", libsslName, libcryptoName, f.name)
			}
		}
	}
	l.verifyCallback = purego.NewCallback(acceptForNow)
	l.alpnCallback = purego.NewCallback(selectProtocol)
	return l, nil
}

// call calls the C function at fn. Go memory is passed as
// uintptr(unsafe.Pointer(p)) in the argument list itself, and nowhere else: the
// directive keeps it alive, and where it is, until call returns.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}
