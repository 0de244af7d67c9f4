using Attention.Comparison.Contenders.Torch;
using Attention.Fixtures;
using TorchSharp;

// Writes what libtorch computes for small layers, forward and backward, as safetensors. The only argument is the folder;
// its README.md says how to run this and what the files hold.
if (args.Length != 1)
{
    Console.Error.WriteLine("usage: Attention.Fixtures FOLDER");
    return 2;
}

if (TorchLibrary.Load() is { } reason)
{
    Console.Error.WriteLine(reason);
    return 1;
}

// One thread, so that sums are taken in the same order wherever this runs.
torch.set_num_threads(1);
Console.WriteLine($"libtorch {torch.__version__}");
Directory.CreateDirectory(args[0]);
(string Name, Action<FixtureFile> Fill)[] files =
[
    ("multi_head_attention", AttentionCases.Fill),
    ("transformer_encoder_layer", EncoderCases.Fill),
    ("transformer_decoder_layer", DecoderCases.Fill),
    ("small_layers", SmallCases.Fill),
];
foreach ((string name, Action<FixtureFile> fill) in files)
{
    using FixtureFile file = new();
    fill(file);
    string path = Path.Combine(args[0], $"{name}.safetensors");
    file.Save(path);
    Console.WriteLine($"{path}: {new FileInfo(path).Length} bytes");
}

return 0;
