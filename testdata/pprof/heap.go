package main

import (
	"os"
	"runtime"
	"runtime/pprof"
)

var kept [][]byte

//go:noinline
func load(size int) {
	kept = append(kept, make([]byte, size))
}

func parse(count int) {
	for i := 0; i < count; i++ {
		load(4096)
	}
}

//go:noinline
func scratch() {
	for i := 0; i < 100; i++ {
		load(1 << 16)
		kept = kept[:len(kept)-1]
	}
}

func main() {
	parse(50)
	scratch()
	runtime.GC()
	file, err := os.Create(os.Args[1])
	if err != nil {
		panic(err)
	}
	pprof.Lookup("heap").WriteTo(file, 0)
	file.Close()
}

func init() { runtime.MemProfileRate = 1 }
