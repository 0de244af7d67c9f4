using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using Attention.Numerics;
using Attention.Simd;
using Microsoft.Win32.SafeHandles;

namespace Attention.Layers;

/// <summary>
/// The tensors of a safetensors file: eight bytes with the length of a JSON header, the header (name, type, shape and place of
/// each tensor), then the numbers, little-endian and row-major.
/// </summary>
/// <remarks>
/// <para>
/// Opening reads and checks the header alone. Numbers are read tensor by tensor, straight to where they are wanted, so that
/// a file may be larger than memory. Any number of threads may read at once.
/// </para>
/// <para>
/// F32 is read as it is; F16 and BF16 are widened to float, exactly. Tensors of other types can be listed, not read.
/// The format: https://github.com/huggingface/safetensors
/// </para>
/// </remarks>
public sealed unsafe class SafetensorsFile : IDisposable
{
    /// <summary>Elements of a narrow type that are widened at once: 8 KB on the stack.</summary>
    private const int NarrowAtOnce = 4096;

    /// <summary>Floats that are read at once: far fewer than the bytes of which overflow the length of a span.</summary>
    private const int FloatsAtOnce = 1 << 22;

    private readonly string _path;
    private readonly SafeFileHandle _handle;
    private readonly SafetensorsHeader _header;
    private readonly long _dataStart;

    private SafetensorsFile(string path, SafeFileHandle handle)
    {
        _path = path;
        _handle = handle;
        long length = RandomAccess.GetLength(handle);
        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        if (length < prefix.Length || ReadFully(0, prefix) < prefix.Length)
        {
            throw new InvalidDataException($"'{path}' has {length} bytes; a safetensors file has at least {prefix.Length}.");
        }

        ulong headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > SafetensorsHeader.LongestHeader)
        {
            throw new InvalidDataException(
                $"'{path}' states a header of {headerLength} bytes; a safetensors file has at most {SafetensorsHeader.LongestHeader}.");
        }

        byte[] json = headerLength <= (ulong)(length - prefix.Length) ? new byte[headerLength] : [];
        _dataStart = prefix.Length + (long)headerLength;
        if ((ulong)ReadFully(prefix.Length, json) != headerLength)
        {
            throw new InvalidDataException($"'{path}' has {length} bytes, fewer than its header of {headerLength}; the file may be truncated.");
        }

        _header = SafetensorsHeader.Parse(json, length - _dataStart, path);
    }

    /// <summary>Every tensor, in the order of their numbers in the file.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors => _header.Ordered;

    /// <summary>The text that the file carries beside its tensors, under <c>__metadata__</c>; empty if there is none.</summary>
    public IReadOnlyDictionary<string, string> Metadata => _header.Metadata;

    /// <summary>Opens a file, and reads and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The file; dispose it to close it.</returns>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="InvalidDataException">
    /// It is not a safetensors file, or a broken one: truncated, a header that is too long or not JSON, a name given twice, a
    /// tensor that lies outside of the file, overlaps another one, leaves a gap, or has not the bytes of its shape. The
    /// message names the tensor.
    /// </exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        SafeFileHandle handle = File.OpenHandle(path);
        try
        {
            return new SafetensorsFile(path, handle);
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Looks a tensor up.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="tensor">The tensor, or null.</param>
    /// <returns>Whether the file has it.</returns>
    public bool TryGetTensor(string name, [NotNullWhen(true)] out SafetensorsTensor? tensor) => _header.Tensors.TryGetValue(name, out tensor);

    /// <summary>Checks that a tensor has the shape that its reader expects.</summary>
    /// <param name="name">The name of the tensor.</param>
    /// <param name="expectedShape">The length of each axis.</param>
    /// <exception cref="ArgumentException">The file has no tensor <paramref name="name"/>.</exception>
    /// <exception cref="InvalidDataException">Its shape is another one.</exception>
    public void CheckShape(string name, params ReadOnlySpan<nint> expectedShape)
    {
        SafetensorsTensor tensor = Find(name);
        if (!tensor.Shape.SequenceEqual(expectedShape))
        {
            throw new InvalidDataException(
                $"'{_path}': '{name}' has shape {Guard.Text(tensor.Shape)}; expected {Guard.Text(expectedShape)}.");
        }
    }

    /// <summary>Reads a tensor, row-major.</summary>
    /// <param name="name">The name of the tensor.</param>
    /// <param name="destination">Receives its numbers; exactly as long as the tensor has elements.</param>
    /// <exception cref="ArgumentException">
    /// The file has no tensor <paramref name="name"/>, or <paramref name="destination"/> is shorter or longer than it.
    /// </exception>
    /// <exception cref="NotSupportedException">The tensor is neither F32 nor F16 nor BF16.</exception>
    /// <exception cref="InvalidDataException">The file became shorter since it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public void Read(string name, Span<float> destination)
    {
        SafetensorsTensor tensor = Find(name);
        if (destination.Length != tensor.ElementCount)
        {
            Throw.Argument(
                nameof(destination),
                $"'{nameof(destination)}' has {destination.Length} elements; expected {tensor.ElementCount}, for '{name}' has shape {Guard.Text(tensor.Shape)}.");
        }

        switch (tensor.ElementType)
        {
            case SafetensorsTypes.Single:
                ReadSingle(tensor, destination);
                break;
            case SafetensorsTypes.Half or SafetensorsTypes.BFloat16:
                ReadNarrow(tensor, destination);
                break;
            default:
                throw new NotSupportedException(
                    $"'{_path}': '{name}' is of type {tensor.ElementType}; only {SafetensorsTypes.Single}, {SafetensorsTypes.Half} and {SafetensorsTypes.BFloat16} can be read.");
        }
    }

    /// <summary>Reads a tensor into an array, row-major, after checking its shape.</summary>
    /// <param name="name">The name of the tensor.</param>
    /// <param name="expectedShape">The length of each axis.</param>
    /// <returns>Its numbers.</returns>
    /// <exception cref="ArgumentException">The file has no tensor <paramref name="name"/>.</exception>
    /// <exception cref="NotSupportedException">The tensor is neither F32 nor F16 nor BF16.</exception>
    /// <exception cref="InvalidDataException">Its shape is another one, or the file became shorter since it was opened.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public float[] ReadArray(string name, params ReadOnlySpan<nint> expectedShape)
    {
        CheckShape(name, expectedShape);
        float[] numbers = new float[Find(name).ElementCount];
        Read(name, numbers);
        return numbers;
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => _handle.Dispose();

    private SafetensorsTensor Find(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (!TryGetTensor(name, out SafetensorsTensor? tensor))
        {
            Throw.Argument(nameof(name), $"'{_path}' has no tensor '{name}'.");
        }

        return tensor;
    }

    private void ReadSingle(SafetensorsTensor tensor, Span<float> destination)
    {
        long offset = 0;
        while (!destination.IsEmpty)
        {
            Span<float> now = destination[..Math.Min(destination.Length, FloatsAtOnce)];
            ReadData(tensor, offset, MemoryMarshal.AsBytes(now));
            if (!BitConverter.IsLittleEndian)
            {
                Span<uint> words = MemoryMarshal.Cast<float, uint>(now);
                BinaryPrimitives.ReverseEndianness(words, words);
            }

            offset += (long)now.Length * sizeof(float);
            destination = destination[now.Length..];
        }
    }

    private void ReadNarrow(SafetensorsTensor tensor, Span<float> destination)
    {
        ushort* buffer = stackalloc ushort[NarrowAtOnce];
        long offset = 0;
        while (!destination.IsEmpty)
        {
            int count = Math.Min(destination.Length, NarrowAtOnce);
            Span<ushort> words = new(buffer, count);
            ReadData(tensor, offset, MemoryMarshal.AsBytes(words));
            if (!BitConverter.IsLittleEndian)
            {
                BinaryPrimitives.ReverseEndianness(words, words);
            }

            fixed (float* target = destination)
            {
                if (tensor.ElementType == SafetensorsTypes.Half)
                {
                    Conversions.FromHalf((Half*)buffer, target, count);
                }
                else
                {
                    // One at a time keeps up with any disk.
                    Conversions.FromBFloat16<SimdScalar, float>(buffer, target, count);
                }
            }

            offset += (long)count * sizeof(ushort);
            destination = destination[count..];
        }
    }

    private void ReadData(SafetensorsTensor tensor, long offset, Span<byte> destination)
    {
        if (ReadFully(_dataStart + tensor.Start + offset, destination) != destination.Length)
        {
            throw new InvalidDataException($"'{_path}': '{tensor.Name}' cannot be read whole; the file became shorter since it was opened.");
        }
    }

    /// <summary>Reads until the destination is full or the file ends; gives the bytes read.</summary>
    private int ReadFully(long position, Span<byte> destination)
    {
        int total = 0;
        while (total < destination.Length)
        {
            int read = RandomAccess.Read(_handle, destination[total..], position + total);
            if (read == 0)
            {
                break;
            }

            total += read;
        }

        return total;
    }
}
