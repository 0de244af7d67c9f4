using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Attention.TestKit;

/// <summary>The operating system's pages: address space that faults when touched, and parts of it opened.</summary>
internal static partial class Pages
{
    private const int ReadWrite = 1 | 2;
    private const int Private = 2;
    private const int AnonymousOnLinux = 0x20;
    private const int AnonymousOnApple = 0x1000;

    private const uint WindowsReserve = 0x2000;
    private const uint WindowsCommit = 0x1000;
    private const uint WindowsRelease = 0x8000;
    private const uint WindowsNoAccess = 1;
    private const uint WindowsReadWrite = 4;

    internal static nint Reserve(nuint size)
    {
        if (OperatingSystem.IsWindows())
        {
            nint reserved = VirtualAlloc(0, size, WindowsReserve, WindowsNoAccess);
            Check(reserved != 0);
            return reserved;
        }

        int anonymous = OperatingSystem.IsMacOS() ? AnonymousOnApple : AnonymousOnLinux;
        nint mapped = MemoryMap(0, size, 0, Private | anonymous, -1, 0);
        Check(mapped != -1);
        return mapped;
    }

    internal static void Open(nint start, nuint size) =>
        Check(OperatingSystem.IsWindows()
            ? VirtualAlloc(start, size, WindowsCommit, WindowsReadWrite) != 0
            : MemoryProtect(start, size, ReadWrite) == 0);

    internal static void Free(nint start, nuint size) =>
        Check(OperatingSystem.IsWindows() ? VirtualFree(start, 0, WindowsRelease) : MemoryUnmap(start, size) == 0);

    private static void Check(bool succeeded)
    {
        if (!succeeded)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        }
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint MemoryMap(nint address, nuint size, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int MemoryProtect(nint address, nuint size, int protection);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int MemoryUnmap(nint address, nuint size);

    [LibraryImport("kernel32", SetLastError = true)]
    private static partial nint VirtualAlloc(nint address, nuint size, uint type, uint protection);

    [LibraryImport("kernel32", SetLastError = true)]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool VirtualFree(nint address, nuint size, uint type);
}
