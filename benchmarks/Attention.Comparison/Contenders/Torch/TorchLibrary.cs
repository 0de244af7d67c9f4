using System.Runtime.InteropServices;
using TorchSharp;

namespace Attention.Comparison.Contenders.Torch;

/// <summary>Finds out whether libtorch loads here.</summary>
internal static partial class TorchLibrary
{
    private const string ShimName = "libiosshim.so";
    private const int LoadNow = 2;
    private const int VisibleToAll = 0x100;

    /// <summary>Loads libtorch; gives the reason if that fails, else null.</summary>
    internal static string? Load()
    {
        LoadShim();
        try
        {
            torch.InitializeDeviceType(DeviceType.CPU);
            return null;
        }
        catch (Exception exception) when (exception is NotSupportedException or TypeInitializationException or DllNotFoundException)
        {
            Exception cause = exception.GetBaseException();
            string message = cause.Message.Split('\n')[0].Trim();
            return $"libtorch does not load ({message}); on Debian 12 run Libtorch/prepare-libtorch.sh";
        }
    }

    // Present only where prepare-libtorch.sh built it. The runtime's own loader hides a library's symbols from others,
    // and the wrapper must see this one's.
    private static void LoadShim()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        foreach (string path in Directory.EnumerateFiles(AppContext.BaseDirectory, ShimName, SearchOption.AllDirectories))
        {
            OpenLibrary(path, LoadNow | VisibleToAll);
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "dlopen", StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenLibrary(string path, int flags);
}
