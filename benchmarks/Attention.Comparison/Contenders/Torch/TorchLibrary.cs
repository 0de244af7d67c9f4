using System.Runtime.InteropServices;
using TorchSharp;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>Finds out whether libtorch loads here.</summary>
internal static partial class TorchLibrary
{
    private const string ShimName = "libiosshim.so";
    private const string WrapperName = "libLibTorchSharp.so";
    private const int LoadNow = 2;
    private const int VisibleToAll = 0x100;

    /// <summary>Loads libtorch; gives the reason if that fails, else null.</summary>
    internal static string? Load()
    {
        try
        {
            if (OperatingSystem.IsLinux())
            {
                LoadShim();
                LoadWrapper();
            }

            torch.InitializeDeviceType(DeviceType.CPU);
            return null;
        }
        catch (Exception exception)
            when (exception is NotSupportedException or TypeInitializationException or DllNotFoundException)
        {
            string message = string.Join(' ', exception.GetBaseException().Message.Split('\n').Take(2)).Trim();
            return $"libtorch does not load ({message}); Libtorch/prepare-libtorch.sh may help";
        }
    }

    // Present only where prepare-libtorch.sh built it. The runtime's own loader hides a library's symbols from others,
    // and the wrapper must see this one's.
    private static void LoadShim()
    {
        if (Find(ShimName) is { } path)
        {
            OpenLibrary(path, LoadNow | VisibleToAll);
        }
    }

    // TorchSharp itself would copy all of libtorch elsewhere, try again there, and not tell what the loader said.
    private static void LoadWrapper()
    {
        if (Find(WrapperName) is { } path)
        {
            NativeLibrary.Load(path);
        }
    }

    private static string? Find(string name) =>
        Directory.EnumerateFiles(AppContext.BaseDirectory, name, SearchOption.AllDirectories).FirstOrDefault();

    [LibraryImport("libc.so.6", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenLibrary(string path, int flags);
}
