// Functions as people write them in assembly: a CFA in a register that compilers never use for it,
// a CFA by an expression, and no call frame information at all.
asm(R"(
  .text
  .globl call_with_cfa_in_rbx, call_with_cfa_by_expression, call_with_frame_pointer_only
  .hidden call_with_cfa_in_rbx, call_with_cfa_by_expression, call_with_frame_pointer_only
call_with_cfa_in_rbx:
  .cfi_startproc
  pushq %rbx
  .cfi_def_cfa_offset 16
  .cfi_offset %rbx, -16
  movq %rsp, %rbx
  .cfi_def_cfa_register %rbx
  subq $256, %rsp
  andq $-64, %rsp
  call *%rdi
  movq %rbx, %rsp
  .cfi_def_cfa_register %rsp
  popq %rbx
  .cfi_def_cfa_offset 8
  ret
  .cfi_endproc
call_with_cfa_by_expression:
  .cfi_startproc
  subq $24, %rsp
  .cfi_escape 0x0f, 3, 0x77, 32, 0x96   # DW_CFA_def_cfa_expression: breg7 32; nop
  call *%rdi
  addq $24, %rsp
  .cfi_def_cfa %rsp, 8
  ret
  .cfi_endproc
call_with_frame_pointer_only:
  pushq %rbp
  movq %rsp, %rbp
  call *%rdi
  popq %rbp
  ret
)");
