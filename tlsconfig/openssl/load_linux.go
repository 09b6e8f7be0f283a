// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package openssl

import (
	"fmt"
	"runtime"

	"github.com/ebitengine/purego"
)

// load finds the libraries by their names and every function of the table. It
// does not call any of them.
func load(libcrypto, libssl string) (*library, error) {
	// dlerror tells a thread only of what went wrong on it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	crypto, err := purego.Dlopen(libcrypto, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	// A program linked to glibc does not even start where another C library stands in
	// its place; one built there, by cgo, does, and the engine was never tried with it.
	if _, err := purego.Dlsym(crypto, "gnu_get_libc_version"); err != nil {
		return nil, fmt.Errorf("%s is not linked to glibc, the only C library that this engine runs on", libcrypto)
	}
	ssl, err := purego.Dlopen(libssl, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, err
	}
	l := new(library)
	for _, f := range l.functions() {
		// libssl depends on libcrypto, but which of the two holds a function is not part of its interface.
		if *f.address, err = purego.Dlsym(ssl, f.name); err != nil {
			if *f.address, err = purego.Dlsym(crypto, f.name); err != nil {
				return nil, fmt.Errorf("%s and %s lack %s", libssl, libcrypto, f.name)
			}
		}
	}
	return l, nil
}

// callback makes a C function of f, for ever.
func callback(f any) uintptr { return purego.NewCallback(f) }

// call calls the C function at fn. Go memory is passed as
// uintptr(unsafe.Pointer(p)) in the argument list itself, and nowhere else: the
// directive keeps it alive, and where it is, until call returns.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}
